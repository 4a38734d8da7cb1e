// Good requests, many at a time and one after another, each with a proof of its own: what a busy client does.
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import { draft, fieldsOf, newKey } from './raw.mjs';

export class Load {
  // `sessions` requests at a time to `url`, until `stop`.
  static async start(deployed, { sessions = 8, pauseMs = 0 } = {}) {
    const load = new Load();
    Object.assign(load, { deployed, statuses: new Map(), failures: [], refusals: [], going: true, agent: new http.Agent({ keepAlive: true }) });
    load.key = await newKey();
    load.token = await deployed.token(load.key.thumbprint, { expiresIn: 3600 });
    load.sessions = Array.from({ length: sessions }, () => load.session(pauseMs));
    return load;
  }

  // One client: its own nonce, renewed as answers bring new ones, and one retry for a refusal.
  async session(pauseMs) {
    let nonce;
    while (this.going) {
      const started = Date.now();
      let answer = await this.send(nonce);
      nonce = answer.nonce ?? nonce;
      if (answer.status === 401 && answer.error === 'use_dpop_nonce') {
        this.refusals.push(started);
        answer = await this.send(nonce);
        nonce = answer.nonce ?? nonce;
      }
      this.statuses.set(answer.status, (this.statuses.get(answer.status) ?? 0) + 1);
      if (answer.status !== 200) this.failures.push({ at: started, ...answer });
      if (pauseMs) await new Promise((done) => setTimeout(done, pauseMs));
    }
  }

  async send(nonce) {
    const { deployed, key, token, agent } = this;
    try {
      const headers = { 'content-type': 'application/json', ...(await fieldsOf(draft({ key, url: deployed.url, token, nonce }))) };
      const request = http.request(`${deployed.origin}/mcp`, { method: 'POST', headers, agent });
      request.end('{}');
      const [response] = await once(request, 'response');
      const body = await text(response);
      const [, error] = /error="([^"]*)"/.exec(response.headers['www-authenticate'] ?? '') ?? [];
      return { status: response.statusCode, nonce: response.headers['dpop-nonce'], error, body };
    } catch (error) {
      return { status: 0, error: error.code };
    }
  }

  get good() {
    return this.statuses.get(200) ?? 0;
  }

  async stop() {
    this.going = false;
    await Promise.all(this.sessions);
    this.agent.destroy();
  }
}
