import { Usage } from '../errors.js';
import type { Size } from '../models/pixels.js';
import type { SizeWish } from './options.js';

/** Kinds of files, and what they are called in reports. */
export const formats = {
  onnx: 'ONNX, 32-bit floats',
  'onnx-fp16': 'ONNX, 16-bit floats',
  'onnx-int8': 'ONNX, 8 bits',
  tfjs: 'TensorFlow.js GraphModel',
} as const;
export type Format = keyof typeof formats;

/** What `livebrush export` takes. */
export interface ExportOptions {
  readonly style?: readonly string[];
  readonly metanet?: boolean;
  readonly transform?: boolean;
  readonly format: Format;
  readonly out: string;
  readonly size?: SizeWish;
  readonly io: 'uint8' | 'float';
  readonly fast?: boolean;
  readonly calibrate?: string;
  readonly model: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

/** What is exported. */
export type Subject = 'style' | 'metanet' | 'transform';

const uses = { style: '--style', metanet: '--metanet', transform: '--transform' } as const;

/** @throws Usage unless exactly one thing is to be exported, in a way that there is. */
export function subjectOf(options: ExportOptions): Subject {
  const subjects = (['style', 'metanet', 'transform'] as const).filter((name) => options[name]);
  const [subject] = subjects;
  if (subjects.length !== 1 || !subject)
    throw new Usage(
      subjects.length === 0
        ? 'There is nothing to export.'
        : `${subjects.map((name) => uses[name]).join(' and ')} do not go together.`,
      { hint: 'Give --style NAME for a painting net, or --metanet, or --transform.' },
    );
  if (subject !== 'style' && !['onnx', 'onnx-fp16'].includes(options.format))
    throw new Usage(`${uses[subject]} is written as onnx or onnx-fp16, not as ${options.format}.`);
  if (subject === 'metanet' && (options.io === 'float' || options.size !== undefined))
    throw new Usage(
      '--metanet takes a style picture of any size, uint8; --io and --size are for painting nets.',
    );
  if (typeof options.size === 'number')
    throw new Usage('--size takes width and height here, such as 640x360.', {
      hint: 'Leave it out for pictures of any size.',
    });
  if (options.fast && (options.format !== 'onnx' || !options.size || subject !== 'style'))
    throw new Usage('--fast is for one style as onnx in one --size.');
  return subject;
}

/** The size asked for, once `subjectOf` has let it pass. */
export const sizeOf = ({ size }: ExportOptions): Size | undefined =>
  typeof size === 'object' ? size : undefined;
