/**
 * A program of its own for `bench start`: paints its first picture as every command does, and prints when each step
 * was done. It imports nothing at the top, since what loads modules is one of the steps.
 * Arguments: JSON of `ProbeRequest`; output: one line of JSON, `ProbeMarks`.
 */

/** What to paint with. */
export interface ProbeRequest {
  readonly model: string;
  readonly engine: string;
  /** A picture whose weights lie in the style cache. */
  readonly style: string;
  readonly width: number;
  readonly height: number;
}

/** Milliseconds since the start of the process at which each step was done, in order, and where the weights lay. */
export interface ProbeMarks {
  readonly marks: Readonly<Record<string, number>>;
  readonly from: string;
}

const marks: Record<string, number> = {};
const mark = (step: string) => {
  marks[step] = performance.now();
};

mark('Node itself');
const request = JSON.parse(process.argv[2] ?? '{}') as ProbeRequest;
const [{ openModel }, { openGallery }, { openEngine }, { blank }] = await Promise.all([
  import('../../models/models.js'),
  import('../../models/gallery.js'),
  import('../../models/engines/index.js'),
  import('../../models/pixels.js'),
]);
mark('modules');
const model = await openModel(request.model);
mark('model');
const engine = await openEngine(request.engine);
mark('engine');
const gallery = openGallery({ model, engine });
const { weights, from } = await gallery.resolve(request.style);
mark('style');
const painter = await engine.painter(model.transform, model.base, request);
mark('compiling');
const style = await painter.bind(weights);
await painter.paint([{ pixels: blank(request), style }]);
mark('first picture');
process.stdout.write(`${JSON.stringify({ marks, from } satisfies ProbeMarks)}\n`);
await gallery[Symbol.asyncDispose]();
await painter[Symbol.asyncDispose]();
await engine[Symbol.asyncDispose]();
