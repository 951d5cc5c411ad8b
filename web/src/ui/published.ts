import { useCell } from '../cell.js';
import { type Publishing, state } from '../state.js';

/** What this page sends to the stream that it shows; undefined while it sends nothing, or to another one. */
export function usePublished(): Publishing | undefined {
  const publishing = useCell(state.publishing);
  const name = useCell(state.streamName);
  return publishing?.stream === name ? publishing : undefined;
}
