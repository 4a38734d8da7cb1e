import { haveNginx, nginx } from '../lib/proxy.mjs';
import { mcpClientAgainst } from '../lib/mcp-client.mjs';

mcpClientAgainst('nginx', nginx, { skip: !haveNginx() && 'there is no nginx here' });
