/** What a look at an engine on this machine found: one line of `livebrush doctor`. */
export interface EngineProbe {
  readonly name: string;
  readonly present: boolean;
  /** What it runs on, in words: such as `2 processor cores`. */
  readonly device?: string;
  /** A graphics processor that is only imitated by the processor: right, but far slower than the processor itself. */
  readonly software?: boolean;
  /** Why it is not present. */
  readonly why?: string;
  /** What to do about that. */
  readonly hint?: string;
}
