import type { Engine } from '../../models/engine.js';
import type { Size } from '../../models/pixels.js';
import type { Bench } from './part.js';

/**
 * The engine of a part that measures one: the first that was asked for, else the one that `--engine auto` takes.
 * @throws Usage, Unsupported, NotFound (model).
 */
export async function openOneEngine({ options, signal }: Bench, size: Size): Promise<Engine> {
  const [name = 'auto'] = options.engine ?? [];
  if (name !== 'auto') {
    const { openEngine } = await import('../../models/engines/index.js');
    return openEngine(name);
  }
  const [{ openModel }, { fastestEngine }] = await Promise.all([
    import('../../models/models.js'),
    import('../../models/engines/auto.js'),
  ]);
  return fastestEngine(await openModel(options.model), size, { signal });
}
