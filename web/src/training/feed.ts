import type {
  TrainingMessage,
  TrainingProgress,
  TrainingRun,
  TrainingSheet,
} from '../../../src/server/protocol.js';
import { Cell } from '../cell.js';
import { append, emptyTable, type Table, tableOf } from './table.js';

/** The curves; another object after each message, though the tables grow in place. */
export interface Curves {
  readonly training: Table;
  readonly heldOut: Table;
}

export const state = {
  name: new Cell(''),
  progress: new Cell<TrainingProgress | undefined>(undefined),
  curves: new Cell<Curves>({ training: emptyTable(), heldOut: emptyTable() }),
  runs: new Cell<readonly TrainingRun[]>([]),
  sheets: new Cell<readonly TrainingSheet[]>([]),
  /** Whether the server is heard; undefined before it ever was. */
  connected: new Cell<boolean | undefined>(undefined),
};

/** Takes what the server tells. */
export function receive({ name, progress, whole, rows, sheets }: TrainingMessage): void {
  if (whole) {
    state.runs.value = whole.runs;
    state.curves.value = { training: tableOf(whole.training), heldOut: tableOf(whole.heldOut) };
  }
  if (rows.length > 0) {
    const { training, heldOut } = state.curves.value;
    const tables = { training, heldOut };
    for (const row of rows) append(tables[row.kind], row);
    state.curves.value = tables;
  }
  if (sheets) state.sheets.value = sheets;
  state.name.value = name;
  state.progress.value = progress;
}

/** Milliseconds between attempts to reach a server that refused. */
const AGAIN_MS = 3000;

/** Listens to the server; a browser comes back by itself unless it was refused. */
export function follow(url: string): void {
  const source = new EventSource(url);
  source.onmessage = ({ data }) => {
    state.connected.value = true;
    receive(JSON.parse(data) as TrainingMessage);
  };
  source.onerror = () => {
    state.connected.value = false;
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => follow(url), AGAIN_MS);
  };
}
