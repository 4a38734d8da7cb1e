import { deployedBehind } from '../lib/deployed-suite.mjs';

deployedBehind('nginx');
