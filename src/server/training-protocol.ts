/**
 * What the page of a training is told. Every message carries how the training stands; the curves come whole at first,
 * and row by row after.
 */

/** Losses and other numbers of one step; null where one was not finite. */
export interface TrainingRow {
  readonly kind: 'training' | 'heldOut';
  readonly step: number;
  readonly values: Readonly<Record<string, number | null>>;
}

/** Rows as columns: as many values for each name as there are steps. */
export interface TrainingCurves {
  readonly steps: readonly number[];
  readonly values: Readonly<Record<string, readonly (number | null)[]>>;
}

/**
 * waiting: nothing is written yet; running; quiet: nothing was written for a while, so that it may have been cut off;
 * done: all steps are made; stopped: by its user, to be resumed; failed.
 */
export type TrainingState = 'waiting' | 'running' | 'quiet' | 'done' | 'stopped' | 'failed';

/** How a training stands. */
export interface TrainingProgress {
  readonly state: TrainingState;
  readonly step: number;
  /** Steps of the whole training; null while unknown. */
  readonly steps: number | null;
  /** Seconds of training, earlier runs included. */
  readonly seconds: number | null;
  readonly stepsPerSecond: number | null;
  /** Seconds left. */
  readonly left: number | null;
  /** Step of the newest checkpoint. */
  readonly saved: number | null;
  /** Steps that changed nothing because their gradients were not finite: how many, and the newest ones. */
  readonly skips: number;
  readonly skipped: readonly number[];
  /** When the log last grew, in milliseconds since 1970. */
  readonly changed: number | null;
  /** Lines of the log that could not be read. */
  readonly unreadable: number;
}

/** One start of the training; the second and later ones are resumptions. */
export interface TrainingRun {
  /** The step it went on from. */
  readonly step: number;
  /** When it began, as ISO 8601; null where the log does not tell. */
  readonly at: string | null;
  readonly options: Readonly<Record<string, unknown>>;
}

/** A sheet of samples. */
export interface TrainingSheet {
  readonly step: number;
  /** Path on this server; another one when the sheet was painted anew. */
  readonly url: string;
}

/** One message of the page's event stream. */
export interface TrainingMessage {
  /** The folder's name. */
  readonly name: string;
  readonly progress: TrainingProgress;
  /** Everything so far, to begin with or to begin again with. */
  readonly whole?: {
    readonly training: TrainingCurves;
    readonly heldOut: TrainingCurves;
    readonly runs: readonly TrainingRun[];
  };
  /** What came since the message before. */
  readonly rows: readonly TrainingRow[];
  /** All sheets, where there are others than before. */
  readonly sheets?: readonly TrainingSheet[];
}
