/** The server as a process of its own, and what it tells about itself. */
import { request } from 'node:http';
import { fromSource } from './modules.mjs';

/** Starts `livebrush serve` on free ports, with settings (`key=value`). */
export async function startServer(...settings) {
  const { startServer: start } = await fromSource('test/e2e/server.ts');
  return start(...settings);
}

/** Asks over a connection of its own, so that none of ours stays open and counts. @throws after half a minute */
export function send(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(30_000);
    const asked = request(url, { agent: false, method, headers, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more) => {
        text += more;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    asked.on('error', reject).end(body);
  });
}

/** Everything at `/metrics`: numbers by name with labels. */
export async function metricsOf(server) {
  const { text } = await send(`${server.url}/metrics`);
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

/** What the server holds at the moment. */
export async function resourcesOf(server) {
  const all = await metricsOf(server);
  const active = (type) => all.get(`nodejs_active_resources{type="${type}"}`) ?? 0;
  const open = (kind) => all.get(`livebrush_sessions{kind="${kind}"}`) ?? 0;
  return {
    peers: open('peers'),
    publishers: open('publishers'),
    viewers: open('viewers'),
    controls: open('sockets'),
    udpSockets: active('UDPWrap'),
    tcpSockets: active('TCPSocketWrap'),
    timers: active('Timeout'),
    files: all.get('process_open_fds') ?? 0,
    frames: all.get('livebrush_frames_alive') ?? 0,
    heapMB: Math.round((all.get('nodejs_heap_size_used_bytes') ?? 0) / 1e6),
    externalMB: Math.round((all.get('nodejs_external_memory_bytes') ?? 0) / 1e6),
    rssMB: Math.round((all.get('process_resident_memory_bytes') ?? 0) / 1e6),
  };
}

/** What has to be as it was before, in the end: all but memory, which only has to stay in bounds. */
export const COUNTED = [
  ...['peers', 'publishers', 'viewers', 'controls', 'udpSockets', 'tcpSockets', 'timers', 'files', 'frames'],
];
