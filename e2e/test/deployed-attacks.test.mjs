import { attacksOn } from '../lib/deployed-attacks.mjs';
import { PROXIES } from '../lib/deployed.mjs';

for (const proxy of Object.keys(PROXIES)) attacksOn(proxy, { skip: !PROXIES[proxy].binary() && `there is no ${proxy} here` });
