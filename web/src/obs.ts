import type { InputInfo } from '../../src/server/protocol.js';
import { t } from './i18n/index.js';

/** What arrives from a publisher, in a line, and what would be better. */
export interface Arrival {
  readonly good: boolean;
  readonly text: string;
  readonly advice?: string;
}

const CODECS: Readonly<Record<string, string>> = { h264: 'H.264', vp8: 'VP8', hevc: 'H.265', av1: 'AV1' };
/** Key frames further apart than this make a viewer who joins, and one who lost packets, wait. */
const SPARSE_KEYS_MS = 1500;

export function arrives(input: InputInfo | undefined): Arrival {
  if (!input || input.kind === 'card' || !input.width) return { good: false, text: t('obs.nothing') };
  const { codec, width, height, fps, keyIntervalMs, sound, bitrate, kind } = input;
  const parts = [
    ['demo', 'pattern', 'file'].includes(kind)
      ? t(`input.${kind as 'demo' | 'pattern' | 'file'}`)
      : t('obs.connected'),
    `${codec ? `${CODECS[codec] ?? codec} ` : ''}${width}x${height} @ ${Math.round(fps)}`,
    ...(bitrate ? [`${(bitrate / 1e6).toFixed(1)} Mb/s`] : []),
    ...(sound ? [sound] : []),
    ...(keyIntervalMs ? [t('obs.keys', { s: (keyIntervalMs / 1000).toFixed(1) })] : []),
  ];
  const sparse = keyIntervalMs !== undefined && keyIntervalMs > SPARSE_KEYS_MS;
  return { good: true, text: parts.join(' · '), ...(sparse ? { advice: t('obs.setKeys') } : {}) };
}
