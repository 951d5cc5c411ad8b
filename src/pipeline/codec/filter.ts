import type { AVPixelFormat } from 'node-av/constants';
import type { FilterContext, FilterGraph, Frame } from 'node-av/lib';
import { type Av, check, isDry } from './av.js';

/** A chain of FFmpeg filters with one way in and one way out. Pictures leave in the order in which they came. */
export class FilterChain implements Disposable {
  readonly #av: Av;
  readonly #graph: FilterGraph;
  readonly #in: FilterContext;
  readonly #out: FilterContext;

  private constructor(av: Av, graph: FilterGraph, source: FilterContext, sink: FilterContext) {
    this.#av = av;
    this.#graph = graph;
    this.#in = source;
    this.#out = sink;
  }

  /**
   * Builds `source,filters,sink`, for example `buffer=…` / `transpose=clock` / `buffersink`.
   * @throws AvFailure when FFmpeg does not accept it.
   */
  static async open(av: Av, source: string, filters: string, kind: 'video' | 'audio'): Promise<FilterChain> {
    const graph = new av.FilterGraph();
    graph.alloc();
    try {
      graph.nbThreads = 2;
      const end = kind === 'video' ? 'buffersink@out' : 'abuffersink@out';
      check(av, graph.parsePtr(`${source},${filters},${end}`), `Cannot build ${filters}`);
      check(av, await graph.config(), `Cannot build ${filters}`);
      const found = graph.filters ?? [];
      const first = found.find((filter) => filter.name?.endsWith('@in'));
      const last = found.find((filter) => filter.name?.endsWith('@out'));
      if (!first || !last) throw new Error(`The filter chain ${filters} lacks an end.`);
      return new FilterChain(av, graph, first, last);
    } catch (error) {
      graph.free();
      throw error;
    }
  }

  /** Puts a picture or sound in (its data stay the caller's), or nothing at the end. */
  async send(frame: Frame | null): Promise<void> {
    // KEEP_REF: the chain takes a reference of its own instead of the caller's.
    check(
      this.#av,
      await this.#in.buffersrcAddFrame(frame, this.#av.C.AV_BUFFERSRC_FLAG_KEEP_REF),
      'Cannot filter',
    );
  }

  /** Takes the next one out into `frame`; false when none is ready. */
  async receive(frame: Frame): Promise<boolean> {
    const result = await this.#out.buffersinkGetFrame(frame);
    if (isDry(result)) return false;
    check(this.#av, result, 'Cannot filter');
    return true;
  }

  [Symbol.dispose](): void {
    this.#graph.free();
  }
}

/** The filter that feeds pictures like this one into a chain. */
export function bufferOf(av: Av, frame: Frame): string {
  const { num, den } = frame.sampleAspectRatio;
  const fields = {
    video_size: `${frame.width}x${frame.height}`,
    pix_fmt: av.avGetPixFmtName(frame.format as AVPixelFormat),
    // Pictures carry their times past the chain, which sees none of them.
    time_base: '1/1000000',
    pixel_aspect: `${num}/${Math.max(den, 1)}`,
    colorspace: frame.colorSpace,
    range: frame.colorRange,
  };
  const given = Object.entries(fields).map(([key, value]) => `${key}=${value}`);
  return `buffer@in=${given.join(':')}`;
}
