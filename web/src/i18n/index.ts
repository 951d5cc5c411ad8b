import { Cell } from '../cell.js';
import { keep, kept } from '../storage.js';
import { en } from './en.js';
import { zh } from './zh.js';

export type Key = keyof typeof en;
export type Sentences = Readonly<Record<Key, string>>;
export type Language = 'en' | 'zh';

/** The names in braces of a sentence. */
type Slots<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Slots<Rest> : never;
type Fill<K extends Key> = [Slots<(typeof en)[K]>] extends [never]
  ? []
  : [values: Readonly<Record<Slots<(typeof en)[K]>, string | number>>];

const SENTENCES: Record<Language, Sentences> = { en, zh };

/** What the browser is set to, unless this page was told otherwise before. */
function preferred(): Language {
  const chosen = kept<string>('language', '');
  if (chosen === 'en' || chosen === 'zh') return chosen;
  const asked = globalThis.navigator?.languages?.find((it) => /^(zh|en)\b/i.test(it)) ?? 'en';
  return asked.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export const language = new Cell<Language>(preferred());

const locale = () => (language.value === 'zh' ? 'zh-CN' : 'en');

function tellPage() {
  if (globalThis.document) document.documentElement.lang = locale();
}
tellPage();

export function setLanguage(to: Language): void {
  language.value = to;
  keep('language', to);
  tellPage();
}

/** A sentence with the names in braces filled in. */
export const filled = (sentence: string, slots: Readonly<Record<string, string | number>>): string =>
  sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(slots[name] ?? whole));

/** A sentence in the person's language, its names filled in. */
export const t = <K extends Key>(key: K, ...[values]: Fill<K>): string =>
  filled(SENTENCES[language.value][key], (values ?? {}) as Record<string, string | number>);

export const percent = (share: number): string => `${Math.round(100 * share)} %`;

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 1000 ? 2 : 1)} s`;

/** `1:05`, or `1:00:05` from an hour on. */
export function clock(total: number): string {
  const whole = Math.floor(total);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(count: number): string {
  const power = count > 0 ? Math.min(UNITS.length - 1, Math.floor(Math.log10(count) / 3)) : 0;
  return `${(count / 1000 ** power).toFixed(power ? 1 : 0)} ${UNITS[power]}`;
}

export const moment = (iso: string): string =>
  new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso));
