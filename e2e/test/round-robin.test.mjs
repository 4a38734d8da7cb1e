import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { Fleet } from '../lib/fleet.mjs';
import { roundRobin } from '../lib/proxy.mjs';
import { REVISIONS, connect } from '../lib/client.mjs';
import { add, mcpClientAgainst } from '../lib/mcp-client.mjs';

mcpClientAgainst('a round robin', roundRobin);

describe('nonces off', () => {
  let fleet;
  before(async () => {
    fleet = await Fleet.start(roundRobin, { nonce: 'off' });
  });
  after(() => fleet?.stop());

  for (const { revision, mode } of REVISIONS) {
    test(`${revision}: no challenge at all`, async () => {
      const { client, wire } = await connect(fleet, { mode });
      await add(client, 1, 2);
      await client.close();
      assert.deepEqual(wire.refused(), []);
    });
  }
});
