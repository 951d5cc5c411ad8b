import type { App } from './route.js';

const intro = `Everything that the panel does. Requests need \`Authorization: Bearer …\` where the server has tokens; on a
server that only its own machine reaches, and that has none, everything is allowed.

Publishing is WHIP (RFC 9725) at \`/{stream}/whip\`, watching WHEP at \`/{stream}/whep\`, or HLS at
\`/{stream}/hls/index.m3u8\` where it is on. Changes to the frame go over the WebSocket \`/api/streams/{stream}/control\`,
whose messages are JSON: \`{"type": "change", "id": "1", "style": "wave", "fadeMs": 500}\` is answered by \`accepted\`, then
by \`applied\` with the frame and the time it took effect on. Where a token is needed, \`{"type": "auth", "token": …}\` comes
first.`;

/** Serves the description of the API, made of the schemas that check it. */
export function describeApi(app: App, version: string): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  const config = {
    openapi: '3.1.0',
    info: { title: 'Livebrush', version, description: intro, license: { name: 'MIT' } },
    tags: ['Streams', 'Styles', 'Recordings', 'Uploads', 'Jobs', 'Server'].map((name) => ({ name })),
  };
  let document: object | undefined;
  app.get('/openapi.json', (c) => {
    document ??= app.getOpenAPI31Document(config);
    return c.json(document);
  });
}
