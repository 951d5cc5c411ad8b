import { describe } from 'vitest';
import { openFfmpegSource } from '../../../src/pipeline/sources/ffmpeg.js';
import { hasFfmpeg } from '../../fixtures/ffmpeg.js';
import { describeSource } from '../../suites/source.js';

describe.skipIf(!hasFfmpeg)('with ffmpeg on the PATH (skipped where there is none)', () => {
  describeSource('ffmpeg', openFfmpegSource);
});
