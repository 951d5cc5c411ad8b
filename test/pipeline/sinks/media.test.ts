import { openMediaSink } from '../../../src/pipeline/sinks/media.js';
import { describeSink } from '../../suites/sink.js';

describeSink('node-av', openMediaSink);
