import { expect, it } from 'vitest';
import { Unsupported } from '../../src/errors.js';
import { codecFor, containerOf } from '../../src/pipeline/containers.js';

it('a container is named by the extension, whatever its case', () => {
  expect(containerOf('a.b/c.MP4').format).toBe('mp4');
  expect(containerOf('x.webm').format).toBe('webm');
  for (const path of ['x', 'x.', '.mp4', 'x.constructor', 'x.mp3', 'mp4'])
    expect(() => containerOf(path), path).toThrow(Unsupported);
});

it('a codec is the wanted one or the container’s first', () => {
  expect(codecFor('x.mp4', containerOf('x.mp4'), undefined)).toBe('h264');
  expect(codecFor('x.webm', containerOf('x.webm'), undefined)).toBe('vp9');
  expect(codecFor('x.webm', containerOf('x.webm'), 'av1')).toBe('av1');
  expect(() => codecFor('x.webm', containerOf('x.webm'), 'h264')).toThrow(/webm files cannot hold h264/);
});
