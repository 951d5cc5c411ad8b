import { describe, expect, it } from 'vitest';
import { blank } from '../../src/models/pixels.js';
import { masked, schemeOf } from '../../src/pipeline/address.js';
import { letterbox } from '../../src/pipeline/letterbox.js';

describe('addresses', () => {
  it('are shown without what is secret in them', () => {
    expect(masked('rtmp://user:pass@live.example.org:1935/app/stream-key?token=x')).toBe(
      'rtmp://live.example.org:1935/app/…',
    );
    expect(masked('rtmps://example.org/app')).toBe('rtmps://example.org/app');
    expect(masked('rtsp://admin:p@ss@10.0.0.5/cam/1?x=y#z')).toBe('rtsp://10.0.0.5/cam/1');
    expect(masked('srt://h:9000?passphrase=secret&streamid=s')).toBe('srt://h:9000');
    expect(masked('/videos/a?b.mp4')).toBe('/videos/a?b.mp4');
  });

  it('have a scheme unless they are paths', () => {
    expect(schemeOf('RTMP://x')).toBe('rtmp');
    expect(schemeOf('concat:a|b')).toBeUndefined();
    expect(schemeOf('C:\\videos\\a.mp4')).toBeUndefined();
  });
});

describe('letterboxing', () => {
  const grow = async (_: unknown, size: { width: number; height: number }) => ({
    ...size,
    data: new Uint8Array(3 * size.width * size.height).fill(9),
  });

  it('keeps the shape and centres it', async () => {
    const wide = await letterbox(blank({ width: 8, height: 2 }), { width: 4, height: 4 }, grow);
    expect([...wide.data.subarray(0, 16)]).toEqual([0, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0]);
    const tall = await letterbox(blank({ width: 2, height: 4 }), { width: 4, height: 4 }, grow);
    expect([...tall.data.subarray(32, 36)]).toEqual([0, 9, 9, 0]);
    const same = blank({ width: 4, height: 4 });
    expect(await letterbox(same, { width: 4, height: 4 }, grow)).toBe(same);
  });

  it('leaves a pixel at least of what is very thin', async () => {
    const out = await letterbox(blank({ width: 1000, height: 1 }), { width: 10, height: 10 }, grow);
    expect(out.data.filter((value) => value === 9)).toHaveLength(30);
  });
});
