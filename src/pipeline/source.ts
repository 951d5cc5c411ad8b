import type { Frame } from './frame.js';

/** Where frames come from. */
export interface FrameSource extends AsyncDisposable {
  /** A live source keeps its own pace: a slow reader loses old frames. Others wait for their reader. */
  readonly live: boolean;
  /** The stream's frames in order of presentation; ends early, without an error, when `signal` aborts. */
  frames(signal: AbortSignal): AsyncIterable<Frame>;
}
