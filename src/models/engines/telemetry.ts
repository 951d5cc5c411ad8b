/**
 * Keeps ONNX Runtime from storing a number for this device in the home folder and from telling Microsoft what it runs. A
 * thread's environment does not reach libraries, so this has to be called before the first thread is started that
 * loads it.
 */
export function silenceTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
}
