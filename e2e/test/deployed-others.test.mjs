import { deployedBehind } from '../lib/deployed-suite.mjs';

deployedBehind('envoy', { replicas: 1 });
// Traefik passes nothing of a good answer on to the client.
deployedBehind('traefik', { replicas: 1, nonceOnSuccess: false });
