import * as tf from '@tensorflow/tfjs';

interface Kernel {
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  readonly attrs: Readonly<Record<string, unknown>>;
}

const asTensor = <T extends tf.Tensor>(info: tf.TensorInfo): T =>
  tf.engine().makeTensorFromTensorInfo(info) as T;

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

/** Per backend the gradient kernels that TensorFlow.js leaves out, or does in many ops where one would do. */
const missing: Readonly<Record<string, Table>> = {
  wasm: { Conv2DBackpropFilter: filterGradient },
  tensorflow: { ReluGrad: nativeReluGrad, MirrorPadGrad: nativeMirrorPadGrad },
};

/** Registers the gradient kernels that a backend lacks, if there are any. Calling it again is harmless. */
export function registerGradientKernels(backendName: string): void {
  for (const [kernelName, kernel] of Object.entries(missing[backendName] ?? {})) {
    if (tf.getKernel(kernelName, backendName)) continue;
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: (given) => kernel(given as unknown as NativeKernel),
    });
  }
}
