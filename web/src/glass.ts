import { ageOf, COLUMNS, decodeMark, drawMark, markBox, PERIOD_MS, readCells } from './mark.js';

/** Pixels of a cell's side when read. */
const READ_SIDE = 12;
/** Latencies beyond this are misread marks. */
const MOST_MS = PERIOD_MS / 2;

/** A copy of a picture track with the time marked into every frame. */
export class Marker {
  readonly track: MediaStreamTrack;
  readonly #video = document.createElement('video');
  #ended = false;

  constructor(source: MediaStreamTrack, fps: number) {
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', { alpha: false });
    const { width = 640, height = 360 } = source.getSettings();
    Object.assign(canvas, { width, height });
    this.#video.srcObject = new MediaStream([source]);
    this.#video.muted = true;
    void this.#video.play().catch(() => {});
    const draw = () => {
      if (this.#ended || !context) return;
      const { videoWidth, videoHeight } = this.#video;
      if (videoWidth && (canvas.width !== videoWidth || canvas.height !== videoHeight))
        Object.assign(canvas, { width: videoWidth, height: videoHeight });
      context.drawImage(this.#video, 0, 0, canvas.width, canvas.height);
      drawMark(context, canvas.width, performance.now());
      this.#video.requestVideoFrameCallback(draw);
    };
    this.#video.requestVideoFrameCallback(draw);
    this.track = canvas.captureStream(fps).getVideoTracks()[0] as MediaStreamTrack;
  }

  close(): void {
    this.#ended = true;
    this.#video.srcObject = null;
    this.track.stop();
  }
}

/** Reads marks from a shown video; calls back with each latency in milliseconds. Returns what ends it. */
export function readMarks(video: HTMLVideoElement, found: (latencyMs: number) => void): () => void {
  const canvas = document.createElement('canvas');
  const [width, height] = [COLUMNS * READ_SIDE, 2 * READ_SIDE];
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
  let handle = 0;
  const look = () => {
    handle = video.requestVideoFrameCallback(look);
    const { videoWidth } = video;
    if (!context || !videoWidth) return;
    const box = markBox(videoWidth);
    context.drawImage(video, box.x, box.y, box.width, box.height, 0, 0, width, height);
    const carried = decodeMark(...readCells(context.getImageData(0, 0, width, height).data, width, height));
    const age = carried === undefined ? MOST_MS : ageOf(carried, performance.now());
    if (age < MOST_MS) found(age);
  };
  handle = video.requestVideoFrameCallback(look);
  return () => video.cancelVideoFrameCallback(handle);
}
