/** Codecs whose pictures say themselves whether they are made of fields; containers often say it of all or none. */
const tellsItself = new Set([
  ...['h264', 'mpeg1video', 'mpeg2video', 'mpeg4', 'vc1', 'wmv3'],
  ...['dvvideo', 'prores', 'dnxhd', 'rawvideo', 'v210'],
]);

/**
 * What to go by: what each picture says, or the container's word that all are interlaced, the top or the bottom field
 * being the earlier one.
 */
export type Fields = 'never' | 'as told' | 'tff' | 'bff';

/** @param order - that of the fields in the container, by FFmpeg's names: `tt`, `bb`, `tb`, `bt`, or another for none */
export function fieldsOf(codec: string, order: string | undefined): Fields {
  // Each of its pictures is a single field, of half the height: there are no lines in between to fill.
  if (codec === 'hevc') return 'never';
  if (tellsItself.has(codec)) return 'as told';
  // The first letter tells which field is stored first, the second which is shown first.
  if (order === 'tt' || order === 'bt') return 'tff';
  return order === 'bb' || order === 'tb' ? 'bff' : 'as told';
}

/** Makes whole pictures of interlaced ones, as many as there were, and lets others pass as they are. */
export const DEINTERLACE = 'bwdif=mode=send_frame:parity=auto:deint=interlaced';
