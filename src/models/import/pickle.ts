import { BadInput, Unsupported } from '../../errors.js';

/** Numbers that lie elsewhere in a checkpoint, under a key. */
export class Storage {
  constructor(
    readonly type: string,
    readonly key: string,
    readonly count: number,
  ) {}
}

/** A tensor of a checkpoint: places in a storage, counted in numbers and not in bytes. */
export class View {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** Anything of Python's that no weights need: its name and nothing more. */
export class Foreign {
  constructor(readonly pythonName: string) {}
}

/** A checkpoint's pickle holds names and shapes; a megabyte of them is a very large net. */
const MAX_BYTES = 16e6;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const areCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);

function view(storage: unknown, offset: unknown, shape: unknown, strides: unknown): View {
  if (!(storage instanceof Storage) || !isCount(offset) || !areCounts(shape) || !areCounts(strides))
    throw new Error('a tensor is described in an unknown way');
  if (shape.length !== strides.length || shape.length > 8) throw new Error('a tensor has no valid shape');
  return new View(storage, offset, shape, strides);
}

type Callable = (...args: never[]) => unknown;

/** What names in a pickle stand for: the few that weights need, as functions of ours. Nothing of Python runs. */
function resolve(module: string, name: string): Callable {
  const full = `${module}.${name}`;
  if (full === 'collections.OrderedDict') return (pairs: [unknown, unknown][] = []) => new Map(pairs);
  // Training states keep such maps beside the weights; what makes their default values does not matter.
  if (full === 'collections.defaultdict') return () => new Map();
  if (full === 'torch._utils._rebuild_tensor_v2' || full === 'torch._utils._rebuild_tensor') {
    const rebuild: (...args: [unknown, unknown, unknown, unknown]) => View = (...args) => view(...args);
    return rebuild as Callable;
  }
  if (full === 'torch._utils._rebuild_parameter') return ((tensor: unknown) => tensor) as Callable;
  // Both called and constructed, as functions and classes are in a pickle.
  return function foreign() {
    return new Foreign(full);
  } as Callable;
}

/** `('storage', type, key, location, count, …)`: how a checkpoint refers to numbers outside of its pickle. */
function storage(id: unknown, types: ReadonlyMap<unknown, string>): unknown {
  const [kind, type, key, , count] = Array.isArray(id) ? id : [];
  // Old checkpoints of whole nets carry the source of their classes along.
  if (kind === 'module') return type;
  const name = types.get(type);
  if (kind !== 'storage' || name === undefined || typeof key !== 'string' || !isCount(count))
    throw new Error('it refers to something unknown');
  return new Storage(name, key, count);
}

/** Pickles of PyTorch that follow each other in some bytes, read one by one. */
export interface Pickles {
  /** The next object. @throws Error with the reason. */
  next(): unknown;
  /** Bytes read so far. */
  readonly position: number;
}

/**
 * Opens pickles. The parser builds maps, lists and the objects of `resolve`, and calls nothing else.
 * @throws Unsupported without pickleparser.
 */
export async function openPickles(bytes: Uint8Array): Promise<Pickles> {
  const { Parser, BufferReader } = await import('pickleparser').catch((cause: unknown) => {
    throw new Unsupported('Files of PyTorch need the package pickleparser, which cannot be loaded.', {
      hint: 'Install Livebrush again.',
      cause,
    });
  });
  const reader = new BufferReader(bytes.subarray(0, MAX_BYTES));
  // Functions are made afresh for each file, so that nothing that a pickle does to them outlives it.
  const types = new Map<unknown, string>();
  const parser = new Parser({
    nameResolver: {
      resolve(module, name) {
        const resolved = resolve(module, name);
        types.set(resolved, name);
        return resolved;
      },
    },
    persistentResolver: { resolve: (id: unknown) => storage(id, types) },
    unpicklingTypeOfDictionary: 'Map',
  });
  return {
    next: () => parser.read(reader),
    get position() {
      return reader.position;
    },
  };
}

/** The tensors by name in what a checkpoint holds: a state dict, or one in a dict. @throws BadInput */
export function stateDict(root: unknown, what: string): Map<string, View> {
  if (root instanceof Foreign)
    throw new BadInput(`${what} holds a Python object (${root.pythonName}), not weights alone.`, {
      hint: 'In Python, save its state_dict() instead.',
    });
  if (!(root instanceof Map)) throw new BadInput(`${what} holds no weights.`);
  const inner = ['state_dict', 'model_state_dict', 'model'].map((name) => root.get(name));
  const dict: Map<unknown, unknown> = inner.find((value) => value instanceof Map) ?? root;
  return new Map([...dict].filter((pair): pair is [string, View] => pair[1] instanceof View));
}
