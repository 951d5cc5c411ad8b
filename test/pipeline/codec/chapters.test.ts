import { describe, expect, it } from 'vitest';
import { parseChapters } from '../../../src/pipeline/codec/chapters.js';

describe('chapters in a description', () => {
  it('are read in its pieces', () => {
    const pieces = [
      "Input #0, matroska,webm, from 'file':",
      '  Metadata:',
      '    title           : ',
      'The film',
      '',
      '  Chapters:',
      '    Chapter #0:0: ',
      'start 0.000000, ',
      'end 1.500000',
      '      Metadata:',
      '        title           : ',
      'One: start 2.000000, ',
      '\n                        : ',
      'next',
      '',
      '    Chapter #0:1: ',
      'start 1.500000, ',
      'end 3.000000',
      '  Stream #0',
      'start 9.000000, ',
    ];
    expect(parseChapters(pieces)).toEqual([
      { start: 0, end: 1_500_000, title: 'One: start 2.000000,  next' },
      { start: 1_500_000, end: 3_000_000, title: '' },
    ]);
  });

  it('are none where none are named', () => {
    expect(parseChapters([])).toEqual([]);
    expect(parseChapters(['start 1.000000, ', 'end 2.000000', '        title           : ', 'x'])).toEqual(
      [],
    );
  });
});
