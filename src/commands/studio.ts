import type { Engine } from '../models/engine.js';
import type { Gallery, Resolved, Share } from '../models/gallery.js';
import type { Model } from '../models/model.js';
import type { Size } from '../models/pixels.js';
import type { Weights } from '../models/weights.js';
import { Batcher } from '../pipeline/batcher.js';
import { Schedule } from '../pipeline/schedule.js';

/** Which model to paint with, and on what. */
export interface StudioOptions {
  readonly model: string;
  /** `auto` is the one that paints pictures of `size` fastest. */
  readonly engine: string;
  readonly size: Size;
  /** As for `Engine.painter`, at most: 1 where pictures are painted one by one. */
  readonly lanes?: number;
  readonly signal: AbortSignal;
}

/** How a studio paints. */
export interface StudioPlan {
  /** Of the engine, where another studio paints on it too. */
  readonly schedule?: Schedule;
  readonly lanes?: number;
}

/** A style that a command paints with. */
export interface UsedStyle {
  /** As it was asked for. */
  readonly name: string;
  readonly title: string;
  /** `made` when MetaNet ran for it now; else where its weights lay. */
  readonly from: Resolved['from'];
}

/** All that a command needs to paint: a model on an engine, and its styles. */
export class Studio implements AsyncDisposable {
  readonly batcher: Batcher;
  readonly styles = new Map<string, Weights>();
  readonly used: UsedStyle[] = [];

  constructor(
    readonly engine: Engine,
    readonly model: Model,
    readonly gallery: Gallery,
    plan: StudioPlan = {},
  ) {
    const lanes = Math.min(plan.lanes ?? engine.lanes, engine.lanes);
    const schedule = plan.schedule ?? new Schedule({ lanes });
    const open = (size: Size) => engine.painter(model.transform, model.base, size, { lanes });
    this.batcher = new Batcher(open, { schedule });
  }

  get stride(): number {
    return this.model.transform.stride;
  }

  /** Readies the weights of styles, each once. @throws as `Gallery.resolve`. */
  async take(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (this.styles.has(name)) continue;
      const { style, weights, from } = await this.gallery.resolve(name);
      this.styles.set(name, weights);
      this.used.push({ name, title: style.title, from });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gallery[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
  }
}

/** What `--style` asked for, in order. @throws Usage */
export async function sharesOf(specs: readonly string[] = []): Promise<Share[]> {
  const { parseStyleSpec } = await import('../models/gallery.js');
  return specs.map(parseStyleSpec);
}

/** @throws NotFound, BadInput (model), Usage, Unsupported (engine), Interrupted. */
export async function openStudio(options: StudioOptions): Promise<Studio> {
  const { size, signal } = options;
  const [{ openModel }, { openGallery }, { openEngine }, { fastestEngine }] = await Promise.all([
    import('../models/models.js'),
    import('../models/gallery.js'),
    import('../models/engines/index.js'),
    import('../models/engines/auto.js'),
  ]);
  const model = await openModel(options.model);
  signal.throwIfAborted();
  const engine =
    options.engine === 'auto'
      ? await fastestEngine(model, size, { signal })
      : await openEngine(options.engine, { lanes: options.lanes });
  const studio = new Studio(engine, model, openGallery({ model, engine }), { lanes: options.lanes });
  if (!signal.aborted) return studio;
  await studio[Symbol.asyncDispose]();
  throw signal.reason;
}
