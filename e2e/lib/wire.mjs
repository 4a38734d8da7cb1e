// A fetch that keeps what went over the wire, below the client's own DPoP handling.
export function recorder() {
  const calls = [];
  const record = async (input, init) => {
    const response = await fetch(input, init);
    calls.push({
      method: init?.method ?? 'GET',
      path: new URL(input.toString()).pathname,
      status: response.status,
      challenge: response.headers.get('www-authenticate'),
      nonce: response.headers.get('dpop-nonce'),
      replica: response.headers.get('x-replica'),
    });
    return response;
  };
  return Object.assign(record, {
    calls,
    refused: () => calls.filter((call) => call.status === 401),
    failed: () => calls.filter((call) => call.status >= 500),
    replicas: () => new Set(calls.map((call) => call.replica)),
    nonces: () => calls.flatMap((call) => call.nonce ?? []),
    reset: () => calls.splice(0),
  });
}
