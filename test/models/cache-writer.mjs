import { openStyleCache } from '../../dist/models/cache.js';
import { styleParams } from '../../dist/models/net.js';
import { transformNet } from '../../dist/models/nets/transform.js';

// A process that writes style cache entries FROM up to TO into FOLDER and says `done` after each. Tests kill it.
const [folder, from, to] = process.argv.slice(2);
const transform = transformNet({ base: 2, residuals: 1 });
const weights = new Map(
  styleParams(transform).map((name) => {
    const { shape } = transform.params[name];
    const size = shape.reduce((product, side) => product * side, 1);
    return [name, { shape, data: new Float32Array(size).fill(0.5) }];
  }),
);
const cache = openStyleCache({ folder });
for (let i = Number(from); i < Number(to); i++) {
  const data = new Uint8Array(12).fill(1);
  new DataView(data.buffer).setUint32(0, i);
  const model = { id: 'x', card: { name: 'tiny' }, transform };
  await cache.weights(model, { data, width: 2, height: 2 }, async () => weights);
  process.stdout.write('done\n');
}
