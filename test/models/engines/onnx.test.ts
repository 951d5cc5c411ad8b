import { openOnnx } from '../../../src/models/engines/onnx.js';
import { describeEngine } from '../../suites/engine.js';

describeEngine('onnx/cpu', () => openOnnx('cpu'));
