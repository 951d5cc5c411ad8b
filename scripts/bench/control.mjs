/** A client of the control socket that keeps the statistics. */
import { once } from 'node:events';
import WebSocket from 'ws';

/** Opens the control socket of a stream and asks for statistics. */
export async function openControl(url, stream) {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/streams/${stream}/control`);
  const kept = { stats: [], notices: [] };
  socket.on('message', (data) => {
    const message = JSON.parse(String(data));
    if (message.type === 'stats') kept.stats.push(message);
    if (message.type === 'notice') kept.notices.push(message.text);
  });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'stats', on: true }));
  return { ...kept, close: () => socket.terminate() };
}
