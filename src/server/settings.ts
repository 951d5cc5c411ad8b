import { z } from 'zod';
import { hardwareChoices } from '../pipeline/codec/hardware/kinds.js';
import { unit } from './look-protocol.js';
import { streamName, styleName } from './names-protocol.js';
import { MAX_AGE } from './protocol.js';

/**
 * Every setting of the server: its default, its bounds and what it does, in one place. The commented `livebrush.yaml`,
 * the names of environment variables, `/schema.json` and the checks are all made of this.
 */

const port = z.int().min(0).max(65_535);
const token = z
  .string()
  .min(8, 'a token has at least 8 characters')
  .max(512)
  .regex(/^[A-Za-z0-9._~+/=-]+$/, 'a token is made of letters, digits and . _ ~ + / = -');
const tokens = z.array(token).max(100).default([]);
const folder = z.string().max(1000).default('');
const side = z.int().min(64).max(4096);
const maxAge = z.number().min(MAX_AGE[0]).max(MAX_AGE[1]);

const listen = z.strictObject({
  host: z
    .string()
    .min(1)
    .max(255)
    .default('127.0.0.1')
    .describe('Address to listen on: 127.0.0.1 is this machine alone, 0.0.0.0 every network it is in.'),
  port: port.default(8080).describe('TCP port of the panel, the API and the signalling; 0 takes a free one.'),
  hosts: z
    .array(z.string().min(1).max(255))
    .max(100)
    .default([])
    .describe(
      'Further names under which browsers may reach this server, beside localhost and its addresses.',
    ),
  origins: z
    .array(z.url({ protocol: /^https?$/ }))
    .max(100)
    .default([])
    .describe('Web pages elsewhere that may use this server, as origins: https://stage.example.'),
  trustedProxies: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .max(100)
    .default([])
    .describe('Addresses of reverse proxies whose X-Forwarded-For says who asks.'),
});

const access = z.strictObject({
  admin: tokens.describe('Tokens that allow everything.'),
  publish: tokens.describe('Tokens that allow to publish over WHIP, as OBS does.'),
  read: tokens.describe('Tokens that allow to watch.'),
  anonymous: z
    .enum(['none', 'read'])
    .default('none')
    .describe('What is allowed without a token, where there are tokens: none, or read (to watch).'),
});

const iceServer = z.strictObject({
  urls: z.string().regex(/^(stuns?|turns?):/, 'begins with stun:, stuns:, turn: or turns:'),
  username: z.string().max(512).optional(),
  credential: z.string().max(512).optional(),
});

const webrtc = z.strictObject({
  udpPorts: z
    .tuple([port.min(1), port.min(1)])
    .refine(([from, to]) => from <= to, 'the first port is not above the last')
    .default([8189, 8289])
    .describe('First and last UDP port of media; each publisher and viewer takes one.'),
  publicAddresses: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .max(16)
    .default([])
    .describe(
      'Addresses to offer beside those of this machine: the public one, behind NAT or in a container.',
    ),
  tcp: z.boolean().default(true).describe('Also offer ICE over TCP, for networks that block UDP.'),
  iceServers: z
    .array(iceServer)
    .max(8)
    .default([])
    .describe('STUN and TURN servers to tell clients of: [{urls: "turn:…", username: …, credential: …}].'),
});

const paint = z.strictObject({
  model: z.string().min(1).max(1000).default('fast').describe('Model, by name or file.'),
  lighter: z
    .string()
    .max(1000)
    .default('')
    .describe('Model to fall back on while smaller pictures alone do not help; empty: none.'),
  engine: z
    .string()
    .min(1)
    .max(200)
    .default('auto')
    .describe('What runs the networks: auto takes the fastest; see livebrush doctor.'),
  style: styleName.default('scream').describe('Style that streams begin with.'),
  strength: unit.default(1).describe('Strength that streams begin with.'),
  steady: unit
    .default(1)
    .describe(
      'How much of the painting is held where nothing moves, to begin with: 0 lets all strokes flicker.',
    ),
  width: side.default(640).describe('Box that live pictures are painted in, in pixels; the shape is kept.'),
  height: side.default(360),
  adapt: z
    .boolean()
    .default(true)
    .describe('Whether to paint smaller pictures while the machine cannot keep up.'),
  maxAge: maxAge
    .default(250)
    .describe('Milliseconds that a live frame may be old when its turn to be painted comes; older ones go.'),
});

const urls = z.strictObject({
  allow: z.boolean().default(false).describe('Whether clients may name addresses as inputs and outputs.'),
  schemes: z
    .array(z.enum(['rtmp', 'rtmps', 'rtsp', 'rtsps', 'srt', 'http', 'https']))
    .default(['rtmp', 'rtmps', 'rtsp', 'rtsps', 'srt', 'https'])
    .describe('Schemes that they may have.'),
  hosts: z
    .array(z.string().min(1).max(255))
    .max(1000)
    .default([])
    .describe('Hosts that they may have; *.example.org stands for all below it. Empty: any public host.'),
  private: z
    .boolean()
    .default(false)
    .describe('Whether they may lead into private networks and to this machine.'),
});

const MB = 1e6;
const most = (value: number, least = 0, highest = Number.MAX_SAFE_INTEGER) =>
  z.int().min(least).max(highest).default(value);

const limits = z.strictObject({
  jsonBytes: most(2 ** 20, 1024).describe('Largest JSON body, in bytes.'),
  sdpBytes: most(128 * 1024, 1024).describe('Largest WHIP or WHEP offer.'),
  patchBytes: most(16 * 1024, 256).describe('Largest WHIP or WHEP PATCH.'),
  messageBytes: most(64 * 1024, 256).describe('Largest message on a control socket.'),
  imageBytes: most(20 * MB, 1024).describe('Largest style picture, in bytes.'),
  imagePixels: most(24e6, 1).describe('Largest style picture, in pixels.'),
  videoBytes: most(2000 * MB, 1024).describe('Largest uploaded video.'),
  uploadsBytes: most(20_000 * MB, 1024).describe(
    'All uploaded videos and results of jobs together; old ones go first.',
  ),
  userStyles: most(64).describe('Styles that can be added over the API.'),
  streams: most(16, 1, 1000).describe('Streams at a time.'),
  viewers: most(0).describe('Viewers at a time, of all streams; 0 is measured at start.'),
  halfOpen: most(16, 1).describe('WebRTC sessions at a time that are answered and not yet connected.'),
  jobs: most(16, 1).describe('Transcodes that run or wait; as many tunings beside them.'),
  socketsPerAddress: most(8, 1).describe('Control sockets of one address.'),
  requestsPerSecond: most(50, 1).describe('Requests of one address; four times as many in a burst.'),
  signallingPerSecond: most(5, 1).describe(
    'WHIP and WHEP requests of one address; twice as many in a burst.',
  ),
  uploadsPerMinute: most(10, 1).describe('Uploads of one address.'),
  imageBytesPerHour: most(100 * MB, 1024).describe('Bytes of style pictures that one address may send.'),
  failuresPerMinute: most(10, 1).describe('Wrong tokens of one address.'),
});

/** What a stream that the configuration names is fed from: nothing (a publisher), or one of these. */
const streamInput = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('demo') }),
  z.strictObject({ kind: z.literal('pattern'), size: z.string().max(20).optional() }),
  z.strictObject({
    kind: z.literal('file'),
    file: z.string().min(1).max(1000),
    loop: z.boolean().default(true),
  }),
  z.strictObject({
    kind: z.literal('url'),
    url: z.string().min(1).max(2000),
    listen: z.boolean().default(false),
  }),
]);

const stream = z.strictObject({
  input: streamInput.optional(),
  style: paint.shape.style.removeDefault().optional(),
  strength: unit.optional(),
  steady: unit.optional(),
  maxAge: maxAge.optional(),
});

/** The whole of it. */
export const settings = z.strictObject({
  listen: listen.prefault({}),
  publicUrl: z
    .union([z.literal(''), z.url({ protocol: /^https?$/ })])
    .default('')
    .describe('URL under which others reach this server; empty is made of the address it listens on.'),
  tokens: access.prefault({}),
  webrtc: webrtc.prefault({}),
  paint: paint.prefault({}),
  demo: z.boolean().default(true).describe('Whether the stream "demo" plays a built-in moving picture.'),
  streams: z
    .record(streamName, stream)
    .default({})
    .describe(
      'Streams that are there from the start: {stage: {input: {kind: file, file: clip.mp4}, style: wave}}.',
    ),
  urls: urls.prefault({}),
  media: z
    .strictObject({
      folder: folder.describe('Folder whose videos clients may name as inputs; empty: none.'),
      hardware: z
        .enum(hardwareChoices)
        .default('off')
        .describe('What codes video in hardware: off, auto (whatever proves itself), or one by name.'),
    })
    .prefault({}),
  recordings: z
    .strictObject({ folder: folder.describe("Where recordings go; empty: below the user's data folder.") })
    .prefault({}),
  osc: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Whether to take changes of the look as OSC over UDP.'),
      host: z.string().min(1).max(255).default('127.0.0.1'),
      port: port.default(9000),
    })
    .prefault({}),
  limits: limits.prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['debug', 'info', 'warn', 'error', 'silent'])
        .default('warn')
        .describe('What to log, as JSON lines on standard error; info has every request.'),
    })
    .prefault({}),
  shutdownGraceMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(10_000)
    .describe('How long a stop may take until what is still open is cut off.'),
});

export type Settings = z.infer<typeof settings>;
/** Settings as a file holds them, defaults left out. */
export type SettingsInput = z.input<typeof settings>;
