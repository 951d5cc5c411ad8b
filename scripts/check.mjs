/** `npm run check`: types, lint and format, layer rules, docs. Says which failed; every one runs. */
import { checkDocs } from './check-docs.mjs';
import { checkLayers } from './check-layers.mjs';
import { runBin, setup } from './setup.mjs';

setup();

const checks = {
  types: () => typed('tsconfig.test.json'),
  'types of the panel': () => typed('web') && typed('test/web'),
  'types of the browser tests': () => typed('test/e2e'),
  'lint and format': () => runBin('@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']) === 0,
  layers: () => report(checkLayers()),
  docs: () => report(checkDocs()),
};

const typed = (project) => runBin('typescript/bin/tsc', ['--project', project]) === 0;

function report(faults) {
  for (const fault of faults) process.stderr.write(`  ${fault}\n`);
  return faults.length === 0;
}

const failed = Object.entries(checks).filter(([name, check]) => {
  process.stdout.write(`check ${name}\n`);
  return !check();
});
process.stdout.write(
  failed.length ? `failed: ${failed.map(([name]) => name).join(', ')}\n` : 'all checks passed\n',
);
process.exit(failed.length ? 1 : 0);
