import { expect, it } from 'vitest';
import { openTfjs, probeTfjs } from '../../../src/models/engines/tfjs.js';
import { describeEngine } from '../../suites/engine.js';

const probe = await probeTfjs('tensorflow');

describeEngine('tfjs/tensorflow', () => openTfjs('tensorflow'), { skip: !probe.present && probe.why });

it.skipIf(!probe.present)('tells which TensorFlow it is and what it runs on', () => {
  expect(probe.device).toMatch(/(cores|graphics processor), TensorFlow \d+\.\d+/);
});

it.skipIf(probe.present)('says how to get TensorFlow where it is missing', async () => {
  expect(probe.hint).toContain('livebrush setup tensorflow');
  await expect(openTfjs('tensorflow')).rejects.toMatchObject({ name: 'Unsupported', hint: probe.hint });
});
