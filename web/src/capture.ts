/** Pictures and sound from this machine. */

export type SourceKind = 'camera' | 'screen' | 'file';

export interface CameraWish {
  /** Empty: whichever the browser takes. */
  readonly camera: string;
  readonly microphone: string;
  readonly sound: boolean;
  readonly height: number;
  readonly fps: number;
}

export interface Device {
  readonly id: string;
  readonly label: string;
}

export interface Devices {
  readonly cameras: readonly Device[];
  readonly microphones: readonly Device[];
}

/** Cameras and microphones; their names are known once the person allowed one. */
export async function devices(): Promise<Devices> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  const of = (kind: MediaDeviceKind) =>
    all
      .filter((it) => it.kind === kind && it.deviceId)
      .map(({ deviceId, label }) => ({ id: deviceId, label }));
  return { cameras: of('videoinput'), microphones: of('audioinput') };
}

function insecure(): never {
  throw new DOMException('Browsers give cameras to pages on https or localhost only.', 'NotAllowedError');
}

/** Sound as it is: what cleans up speech spoils music. */
const SOUND = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export async function openCamera({
  camera,
  microphone,
  sound,
  height,
  fps,
}: CameraWish): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) insecure();
  const video = {
    ...(camera ? { deviceId: { exact: camera } } : {}),
    height: { ideal: height },
    width: { ideal: Math.round((height * 16) / 9) },
    frameRate: { ideal: fps },
  };
  const audio = sound ? { ...SOUND, ...(microphone ? { deviceId: { exact: microphone } } : {}) } : false;
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio });
  } catch (error) {
    // A machine without a microphone still has its camera.
    if (!sound || (error as DOMException).name === 'NotAllowedError') throw error;
    return navigator.mediaDevices.getUserMedia({ video, audio: false });
  }
}

export function openScreen(fps: number): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getDisplayMedia) insecure();
  return navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: fps } }, audio: true });
}

interface Captures {
  captureStream?(): MediaStream;
  mozCaptureStream?(): MediaStream;
}

/** A video file, played over and over. Its element is what it is shown by, and what ends it when emptied. */
export async function openFile(file: File, fps: number): Promise<MediaStream> {
  const video = document.createElement('video');
  video.src = URL.createObjectURL(file);
  video.loop = true;
  video.playsInline = true;
  await video.play().catch(async () => {
    video.muted = true;
    await video.play();
  });
  const captures = video as unknown as Captures;
  const media = captures.captureStream?.() ?? captures.mozCaptureStream?.() ?? drawn(video, fps);
  // Sound goes to the stream; here it would be heard twice.
  if (!captures.mozCaptureStream) video.volume = 0;
  media.getVideoTracks()[0]?.addEventListener('ended', () => video.pause());
  playing.set(media, video);
  return media;
}

const playing = new WeakMap<MediaStream, HTMLVideoElement>();

/** The picture of a video element through a canvas, where elements cannot be captured. */
function drawn(video: HTMLVideoElement, fps: number): MediaStream {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  const draw = () => {
    if (video.paused) return;
    if (canvas.width !== video.videoWidth) canvas.width = video.videoWidth;
    if (canvas.height !== video.videoHeight) canvas.height = video.videoHeight;
    context?.drawImage(video, 0, 0);
    video.requestVideoFrameCallback(draw);
  };
  draw();
  return canvas.captureStream(fps);
}

/** Lets go of camera, screen or file. */
export function closeMedia(media: MediaStream | undefined): void {
  for (const track of media?.getTracks() ?? []) track.stop();
  const video = media && playing.get(media);
  if (!video) return;
  video.pause();
  URL.revokeObjectURL(video.src);
  video.removeAttribute('src');
  video.load();
}
