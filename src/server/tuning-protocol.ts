import { z } from 'zod';
import { streamName, styleName } from './names-protocol.js';

/** A style of one's own to be tuned to its picture, on what comes into a stream. */
export const tuningRequest = z.strictObject({
  style: styleName,
  /** Whose pictures are learnt on; the style is better for all streams, and best for this one. */
  stream: streamName.default('main'),
  /** Steps of the training: more bring more of the brushwork, and take longer. */
  steps: z.int().min(1).max(2000).default(90),
});
export type TuningRequest = z.infer<typeof tuningRequest>;

/** A tuning that was asked for over the API. */
export interface TuningInfo {
  readonly id: string;
  readonly style: string;
  readonly stream: string;
  readonly state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  /** Steps that are done, of all; 0 too while pictures are gathered. */
  readonly step: number;
  readonly steps: number;
  /** Seconds that the rest will take, where that can be told. */
  readonly left?: number;
  readonly created: string;
  readonly problem?: string;
}
