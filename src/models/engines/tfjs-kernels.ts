import * as tf from '@tensorflow/tfjs';

interface Kernel {
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  readonly attrs: Readonly<Record<string, unknown>>;
}

/** Kernels are given the very tensors that the op was called with. */
const asTensor = <T extends tf.Tensor>(info: tf.TensorInfo): T => info as unknown as T;

const strideOf = (strides: unknown): number => (Array.isArray(strides) ? strides[0] : strides) as number;

/**
 * Gradient of a `valid` convolution in its filter [kh, kw, in, out], as one matrix product per tap: the pixels that
 * a tap reads, transposed, times the gradient of the output.
 */
function filterGradient({ inputs, attrs }: Kernel): tf.TensorInfo {
  const [kh, kw, channels, filters] = attrs.filterShape as [number, number, number, number];
  const stride = strideOf(attrs.strides);
  if (attrs.pad !== 'valid') throw new Error(`The filter gradient knows no padding ${attrs.pad}.`);
  return tf.tidy(() => {
    const x = asTensor<tf.Tensor4D>(inputs.x!);
    const dy = asTensor<tf.Tensor4D>(inputs.dy!);
    const [batch, height, width] = dy.shape;
    const rows = batch * height * width;
    const flat = tf.reshape(dy, [rows, filters]);
    const taps: tf.Tensor[] = [];
    for (let i = 0; i < kh; i++)
      for (let j = 0; j < kw; j++) {
        const end = [batch, i + (height - 1) * stride + 1, j + (width - 1) * stride + 1, channels];
        const seen =
          stride === 1
            ? tf.slice(x, [0, i, j, 0], [batch, height, width, channels])
            : tf.stridedSlice(x, [0, i, j, 0], end, [1, stride, stride, 1]);
        taps.push(tf.matMul(tf.reshape(seen, [rows, channels]), flat, true, false));
      }
    return tf.reshape(tf.stack(taps), [kh, kw, channels, filters]);
  });
}

/** Zeros put between the pixels of a picture, and after the last ones: [N, H, W, C] to [N, sH, sW, C]. */
function dilated(x: tf.Tensor4D, stride: number): tf.Tensor4D {
  if (stride === 1) return x;
  const [batch, height, width, channels] = x.shape;
  const apart = tf.pad(tf.reshape(x, [batch * height, 1, width, channels]), [
    [0, 0],
    [0, stride - 1],
    [0, 0],
    [0, 0],
  ]);
  const rows = tf.reshape(apart, [batch * height * stride * width, 1, channels]);
  const all = tf.pad(rows, [
    [0, 0],
    [0, stride - 1],
    [0, 0],
  ]);
  return tf.reshape(all, [batch, height * stride, width * stride, channels]);
}

/**
 * Gradient of a `valid` convolution in its input, as a convolution of the output's gradient with the filter turned
 * half around: that one has a fast kernel.
 */
function inputGradient({ inputs, attrs }: Kernel): tf.TensorInfo {
  const [batch, height, width, channels] = attrs.inputShape as [number, number, number, number];
  const stride = strideOf(attrs.strides);
  if (attrs.pad !== 'valid') throw new Error(`The input gradient knows no padding ${attrs.pad}.`);
  return tf.tidy(() => {
    const filter = asTensor<tf.Tensor4D>(inputs.filter!);
    const [kh, kw] = filter.shape;
    const apart = dilated(asTensor<tf.Tensor4D>(inputs.dy!), stride);
    // Pixels that no tap reads have no gradient: zeros to the right and below.
    const after = (size: number, k: number, have: number) => Math.max(0, size + k - 1 - have - (k - 1));
    const padded = tf.pad(apart, [
      [0, 0],
      [kh - 1, after(height, kh, apart.shape[1])],
      [kw - 1, after(width, kw, apart.shape[2])],
      [0, 0],
    ]);
    const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
    const whole = tf.conv2d(padded, turned, 1, 'valid');
    return tf.slice(whole, [0, 0, 0, 0], [batch, height, width, channels]);
  });
}

/**
 * Gradient of a max pool whose windows do not overlap. The WebAssembly backend's own takes no maximum below 0 for
 * one. Where several pixels are the largest, they share.
 */
function maxPoolGradient({ inputs, attrs }: Kernel): tf.TensorInfo {
  const [size, stride] = [strideOf(attrs.filterSize), strideOf(attrs.strides)];
  if (size !== stride || attrs.pad !== 'valid')
    throw new Error('The gradient of a max pool knows windows side by side only.');
  return tf.tidy(() => {
    const x = asTensor<tf.Tensor4D>(inputs.input!);
    const y = asTensor<tf.Tensor4D>(inputs.output!);
    const [batch, rows, columns, channels] = y.shape;
    const [high, wide] = [rows * size, columns * size];
    const spread = (each: tf.Tensor4D) => tf.image.resizeNearestNeighbor(each, [high, wide]);
    const seen = tf.slice(x, [0, 0, 0, 0], [batch, high, wide, channels]);
    const largest = tf.cast(tf.equal(seen, spread(y)), 'float32') as tf.Tensor4D;
    const count = tf.mul(tf.avgPool(largest, size, stride, 'valid'), size * size);
    const shared = tf.div(asTensor<tf.Tensor4D>(inputs.dy!), count) as tf.Tensor4D;
    return tf.pad(tf.mul(spread(shared), largest), [
      [0, 0],
      [0, x.shape[1] - high],
      [0, x.shape[2] - wide],
      [0, 0],
    ]);
  });
}

/** What this file needs of tfjs-node's backend: TensorFlow's ops by their own names. */
interface Native {
  readonly binding: {
    readonly TF_ATTR_TYPE: number;
    readonly TF_ATTR_STRING: number;
    readonly TF_FLOAT: number;
    readonly TF_INT32: number;
  };
  executeSingleOutput(op: string, attrs: readonly object[], inputs: readonly tf.TensorInfo[]): tf.TensorInfo;
}

type NativeKernel = Kernel & { readonly backend: Native };

const typed = ({ binding }: Native, name: string, value: number) => ({
  name,
  type: binding.TF_ATTR_TYPE,
  value,
});

function nativeReluGrad({ inputs, backend }: NativeKernel): tf.TensorInfo {
  return backend.executeSingleOutput(
    'ReluGrad',
    [typed(backend, 'T', backend.binding.TF_FLOAT)],
    [inputs.dy!, inputs.y!],
  );
}

function nativeMirrorPadGrad({ inputs, attrs, backend }: NativeKernel): tf.TensorInfo {
  const { binding } = backend;
  const paddings = tf.tensor2d(attrs.paddings as number[][], undefined, 'int32');
  const output = backend.executeSingleOutput(
    'MirrorPadGrad',
    [
      typed(backend, 'T', binding.TF_FLOAT),
      typed(backend, 'Tpaddings', binding.TF_INT32),
      { name: 'mode', type: binding.TF_ATTR_STRING, value: String(attrs.mode).toUpperCase() },
    ],
    [inputs.dy!, paddings],
  );
  paddings.dispose();
  return output;
}

type Table = Readonly<Record<string, (kernel: NativeKernel) => tf.TensorInfo>>;

/** Per backend the gradient kernels that TensorFlow.js leaves out, does wrong, or does in many ops where one would do. */
const missing: Readonly<Record<string, Table>> = {
  wasm: {
    Conv2DBackpropFilter: filterGradient,
    Conv2DBackpropInput: inputGradient,
    MaxPoolGrad: maxPoolGradient,
  },
  tensorflow: { ReluGrad: nativeReluGrad, MirrorPadGrad: nativeMirrorPadGrad },
};

const registered = new Set<string>();

/** Registers our gradient kernels for a backend, in place of its own. Calling it again is harmless. */
export function registerGradientKernels(backendName: string): void {
  if (registered.has(backendName)) return;
  registered.add(backendName);
  for (const [kernelName, kernel] of Object.entries(missing[backendName] ?? {})) {
    if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: (given) => kernel(given as unknown as NativeKernel),
    });
  }
}
