/** What a key does. `style1` to `style9` are by number; `sheet` is the cheat sheet. */
export type Action =
  | 'previousStyle'
  | 'nextStyle'
  | 'strengthUp'
  | 'strengthDown'
  | 'fullscreen'
  | 'record'
  | 'snapshot'
  | 'blackout'
  | 'bypass'
  | 'compare'
  | 'nextCue'
  | 'previousCue'
  | 'storeCue'
  | 'mute'
  | 'sheet'
  | `style${number}`;

/** Keys as `KeyboardEvent.key` names them, lower case, in the order the cheat sheet shows them. */
export const KEYS: readonly (readonly [key: string, action: Action])[] = [
  ['[', 'previousStyle'],
  [']', 'nextStyle'],
  ['arrowup', 'strengthUp'],
  ['arrowdown', 'strengthDown'],
  [' ', 'bypass'],
  ['b', 'blackout'],
  ['n', 'nextCue'],
  ['p', 'previousCue'],
  ['c', 'storeCue'],
  ['r', 'record'],
  ['s', 'snapshot'],
  ['f', 'fullscreen'],
  ['v', 'compare'],
  ['m', 'mute'],
  ['?', 'sheet'],
];

const TABLE = new Map<string, Action>(KEYS);

/** What a key press looks like, as far as it matters here. */
export interface Press {
  readonly key: string;
  readonly ctrlKey?: boolean;
  readonly metaKey?: boolean;
  readonly altKey?: boolean;
  readonly repeat?: boolean;
}

const REPEATING: readonly Action[] = ['previousStyle', 'nextStyle', 'strengthUp', 'strengthDown'];

/** The action of a key press, if it has one. */
export function actionOf({ key, ctrlKey, metaKey, altKey, repeat }: Press): Action | undefined {
  if (ctrlKey || metaKey || altKey) return undefined;
  const action = /^[1-9]$/.test(key) ? (`style${key}` as Action) : TABLE.get(key.toLowerCase());
  return action && repeat && !REPEATING.includes(action) ? undefined : action;
}

const TYPING =
  'input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]';
/** What answers arrows itself. */
const ARROWS = 'input, select, [role=slider], [role=tab], [role=tabpanel], [role=radio]';
const PRESSABLE = 'button, a, summary, input, [role=button], [role=tab], [role=slider]';

/** Whether the element that has the focus wants this key for itself. */
export function takenBy(target: Element | null, key: string): boolean {
  if (!target || target === document.body) return false;
  if (target.closest('dialog') || target.matches(TYPING)) return true;
  if (key.startsWith('Arrow')) return target.matches(ARROWS);
  // A button that was clicked keeps the focus without showing it; Space is the shortcut then.
  return key === ' ' && target.matches(PRESSABLE) && target.matches(':focus-visible');
}
