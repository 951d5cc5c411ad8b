import { openMediaSource } from '../../../src/pipeline/sources/media.js';
import { describeSource } from '../../suites/source.js';

describeSource('node-av', openMediaSource);
