import type {
  ChangeInput,
  InputRequest,
  JobInfo,
  OutputInfo,
  RecordingInfo,
  ServerInfo,
  StreamInfo,
  StyleInfo,
  TuningInfo,
  UploadInfo,
} from '../../src/server/protocol.js';
import { problemOf } from './problem.js';
import { bearer } from './token.js';

/** What a client writes for an output, defaults left out. */
export type OutputWish =
  | { kind: 'record'; what?: 'painted' | 'source'; container?: 'mp4' | 'mkv' | 'webm' }
  | { kind: 'hls' }
  | { kind: 'push'; url: string };

/** What a client writes for an input, defaults left out. */
export type InputWish =
  | Exclude<InputRequest, { kind: 'file' | 'url' }>
  | { kind: 'file'; file: string; loop?: boolean }
  | { kind: 'url'; url: string; listen?: boolean };

export interface TuningWish {
  style: string;
  stream?: string;
  steps?: number;
}

export interface JobWish {
  input: string;
  style?: string;
  strength?: number;
  keepColor?: boolean;
  steady?: number;
  container?: 'mp4' | 'mkv' | 'webm';
}

async function call(method: string, path: string, body?: BodyInit, type?: string): Promise<Response> {
  const headers = { ...bearer(), ...(type ? { 'Content-Type': type } : {}) };
  const response = await fetch(path, { method, headers, body: body ?? null });
  if (!response.ok) throw await problemOf(response, method === 'GET');
  return response;
}

const read = async <T>(path: string): Promise<T> => (await call('GET', path)).json() as Promise<T>;

async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const json = body === undefined ? undefined : JSON.stringify(body);
  const response = await call(method, path, json, json && 'application/json');
  return (response.status === 204 ? undefined : await response.json().catch(() => undefined)) as T;
}

/** A list, whether it came bare or under its name. */
const list = <T>(answer: readonly T[] | Record<string, readonly T[]>): readonly T[] =>
  Array.isArray(answer)
    ? answer
    : (Object.values(answer as Record<string, readonly T[]>).find(Array.isArray) ?? []);

const enc = encodeURIComponent;
const stream = (name: string, rest = '') => `/api/streams/${enc(name)}${rest}`;

/** The REST API. @throws Problem */
export const api = {
  /** Has the token remembered as a cookie, for what browsers fetch without a header: pictures and HLS. */
  remember: () => send<void>('POST', '/api/session'),
  info: () => read<ServerInfo>('/api/info'),
  styles: async () => list(await read<readonly StyleInfo[]>('/api/styles')),
  addStyle: async (picture: Blob, title: string) => {
    const path = `/api/styles?title=${enc(title.slice(0, 120))}`;
    return (
      await call('POST', path, picture, picture.type || 'application/octet-stream')
    ).json() as Promise<StyleInfo>;
  },
  removeStyle: (name: string) => send<void>('DELETE', `/api/styles/${enc(name)}`),
  tunings: async () => list(await read<readonly TuningInfo[]>('/api/tunings')),
  tune: (tuning: TuningWish) => send<TuningInfo>('POST', '/api/tunings', tuning),
  stopTuning: (id: string) => send<TuningInfo>('DELETE', `/api/tunings/${enc(id)}`),
  /** Makes a style what its picture makes of it again. */
  untune: (name: string) => send<void>('DELETE', `/api/styles/${enc(name)}/tuned`),
  streams: async () => list(await read<readonly StreamInfo[]>('/api/streams')),
  stream: (name: string) => read<StreamInfo>(stream(name)),
  /** Makes a stream, if there is none of the name. */
  makeStream: (name: string) => send<StreamInfo>('PUT', stream(name)),
  changeLook: (name: string, change: ChangeInput) => send<void>('PATCH', stream(name, '/look'), change),
  setInput: (name: string, input: InputWish) => send<void>('PUT', stream(name, '/input'), input),
  addOutput: (name: string, output: OutputWish) => send<OutputInfo>('POST', stream(name, '/outputs'), output),
  removeOutput: (name: string, id: string) => send<void>('DELETE', stream(name, `/outputs/${enc(id)}`)),
  cues: (name: string) => read<unknown>(stream(name, '/cues')),
  recordings: async () => list(await read<readonly RecordingInfo[]>('/api/recordings')),
  removeRecording: (id: string) => send<void>('DELETE', `/api/recordings/${enc(id)}`),
  jobs: async () => list(await read<readonly JobInfo[]>('/api/jobs')),
  startJob: (job: JobWish) => send<JobInfo>('POST', '/api/jobs', job),
  cancelJob: (id: string) => send<void>('DELETE', `/api/jobs/${enc(id)}`),
  upload,
};

/** Sends a video. `fetch` does not tell how far an upload is, so this is the old way. */
function upload(file: File, progress: (share: number) => void, signal?: AbortSignal): Promise<UploadInfo> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `/api/uploads?name=${enc(file.name.slice(-120))}`);
    for (const [name, value] of Object.entries(bearer())) request.setRequestHeader(name, value);
    request.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onerror = () => reject(new TypeError('The upload broke off.'));
    request.onabort = () => reject(new DOMException('Stopped', 'AbortError'));
    request.onload = () => {
      const answer = new Response(request.responseText || null, { status: request.status });
      if (answer.ok) resolve(JSON.parse(request.responseText) as UploadInfo);
      else void problemOf(answer).then(reject);
    };
    signal?.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}
