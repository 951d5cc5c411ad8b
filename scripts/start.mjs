import { setup } from './setup.mjs';

setup();
// npm runs scripts in the package's folder; the person's paths are relative to where they typed the command.
if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
await import('../dist/main.js');
