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

/**
 * Registers the gradient kernels that a backend lacks. The WebAssembly backend has no gradient of a convolution in
 * its filter. Calling it again is harmless.
 */
export function registerGradientKernels(backendName: 'wasm'): void {
  if (tf.getKernel('Conv2DBackpropFilter', backendName)) return;
  tf.registerKernel({
    kernelName: 'Conv2DBackpropFilter',
    backendName,
    kernelFunc: (kernel) => filterGradient(kernel as unknown as Kernel),
  });
}
