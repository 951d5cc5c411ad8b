import { beforeAll, describe, expect, it } from 'vitest';
import { type Av, loadAv } from '../../../src/pipeline/codec/av.js';
import { textConverter } from '../../../src/pipeline/codec/subtitles.js';
import { containerOf } from '../../../src/pipeline/containers.js';

let av: Av;
beforeAll(async () => {
  av = await loadAv();
});

const convert = (from: 'ASS' | 'SUBRIP' | 'MOV_TEXT' | 'WEBVTT', file: string, data: string | Buffer) =>
  textConverter(av, av.C[`AV_CODEC_ID_${from}`], containerOf(file))?.convert(Buffer.from(data));
const movText = (text: string) => {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};

describe('subtitles', () => {
  it('lose their tags on the way to timed text, and keep their lines', () => {
    expect(convert('SUBRIP', 'a.mp4', '<i>Well</i>,\n<font color="red">really</font> 1 < 2')).toEqual(
      movText('Well,\nreally 1 < 2'),
    );
    expect(convert('ASS', 'a.mov', '7,0,Default,,0,0,0,,{\\an8}Up, and\\Ndown')).toEqual(
      movText('Up, and\ndown'),
    );
  });

  it('lose their boxes on the way from timed text', () => {
    const styled = Buffer.concat([movText('Grüße'), Buffer.from([0, 0, 0, 8, 0x73, 0x74, 0x79, 0x6c])]);
    expect(convert('MOV_TEXT', 'a.mkv', styled)?.toString()).toBe('Grüße');
    expect(convert('MOV_TEXT', 'a.webm', styled)?.toString()).toBe('Grüße');
  });

  it('that are empty or damaged convert to nothing', () => {
    expect(convert('MOV_TEXT', 'a.mkv', '')).toBeUndefined();
    expect(convert('MOV_TEXT', 'a.mkv', Buffer.from([0, 0]))).toBeUndefined();
    expect(convert('ASS', 'a.mp4', 'no fields')).toBeUndefined();
    expect(convert('SUBRIP', 'a.mp4', '<b></b>')).toBeUndefined();
  });

  it('that are pictures, or meant for a file without subtitles, do not convert', () => {
    const pictures = av.C.AV_CODEC_ID_HDMV_PGS_SUBTITLE;
    expect(textConverter(av, pictures, containerOf('a.mp4'))).toBeUndefined();
    expect(textConverter(av, av.C.AV_CODEC_ID_SUBRIP, containerOf('a.flv'))).toBeUndefined();
  });
});
