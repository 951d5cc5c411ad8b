import { describe, expect, test } from 'vitest';
import { BadInput, Unsupported } from '../../src/errors.js';
import { candidateOf, reachable } from '../../src/server/peer-candidates.js';
import { readOffer } from '../../src/server/peer-offer.js';
import { parseFragment } from '../../src/server/sdp.js';
import { browserOffer } from './offers.js';

const read = (sdp: string) => readOffer(sdp, { part: 'read', client: '127.0.0.1' });
const publish = (sdp: string) => readOffer(sdp, { part: 'publish', client: '127.0.0.1' });
const publishing = browserOffer.replaceAll('a=recvonly', 'a=sendonly');

describe('an offer of a browser', () => {
  test('is cut down to one H.264 for viewers, with its retransmission and Opus', () => {
    const { sdp, codec, sound } = read(browserOffer);
    expect(codec).toBe('h264');
    expect(sound).toBe(true);
    expect(sdp.match(/^m=.*$/gm)).toEqual([
      'm=audio 9 UDP/TLS/RTP/SAVPF 111',
      'm=video 9 UDP/TLS/RTP/SAVPF 108 109',
    ]);
    expect(sdp).toContain(
      'a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
    );
    expect(sdp).toContain('a=fmtp:109 apt=108');
  });

  test('keeps the codec that a publisher names first', () => {
    expect(publish(publishing).codec).toBe('vp8');
    const h264First = publishing.replace('SAVPF 96 97 102', 'SAVPF 102 96 97');
    expect(publish(h264First).codec).toBe('h264');
  });

  test.each([
    ['both ways', (sdp: string) => sdp.replaceAll('a=recvonly', 'a=sendrecv')],
    ['both ways for sound alone', (sdp: string) => sdp.replace('a=recvonly', 'a=sendrecv')],
    ['no way that is named, which is both', (sdp: string) => sdp.replaceAll('a=recvonly\r\n', '')],
  ])('may go %s, and is read as going the way that is wanted', (_name, turned) => {
    const ways = (sdp: string) => sdp.match(/^a=(sendrecv|sendonly|recvonly|inactive)/gm);
    expect(ways(read(turned(browserOffer)).sdp)).toEqual(['a=recvonly', 'a=recvonly']);
    expect(ways(publish(turned(browserOffer).replaceAll('recvonly', 'sendonly')).sdp)).toEqual([
      'a=sendonly',
      'a=sendonly',
    ]);
  });

  test('loses the feedback that does harm: FIR for all, transport-cc for viewers', () => {
    expect(read(browserOffer).sdp).not.toMatch(/ccm fir|transport-cc|transport-wide-cc/);
    expect(read(browserOffer).sdp).toMatch(/a=rtcp-fb:108 goog-remb/);
    expect(read(browserOffer).sdp).toContain('abs-send-time');
    expect(publish(publishing).sdp).not.toMatch(/ccm fir|goog-remb/);
    expect(publish(publishing).sdp).toMatch(/a=rtcp-fb:96 transport-cc/);
    expect(publish(publishing).sdp).toContain('hdrext/color-space');
  });

  test('loses candidates that nobody may be sent to, and keeps 32 at most', () => {
    const many = Array.from(
      { length: 60 },
      (_, i) => `a=candidate:1 1 udp 1 203.0.113.${i + 1} 5000 typ host`,
    );
    const offer = browserOffer.replace(/a=candidate:.*\r\n/, (line) => `${many.join('\r\n')}\r\n${line}`);
    expect(read(offer).sdp.match(/^a=candidate/gm)).toHaveLength(32);
    const from = (client: string) => readOffer(browserOffer, { part: 'read', client }).sdp;
    expect(from('127.0.0.1')).toContain(' 127.0.0.1 ');
    expect(from('203.0.113.9')).not.toContain(' 127.0.0.1 ');
    expect(from('203.0.113.9')).not.toContain('.local');
  });

  test('is answered with one layer only where it has more', () => {
    const layers = publishing
      .replace(/a=ssrc.*\r\n/g, '')
      .replace(
        'a=mid:1',
        'a=mid:1\r\na=rid:h send\r\na=rid:m send\r\na=rid:l send\r\na=simulcast:send h;m;l\r\na=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
      );
    const { sdp } = publish(layers);
    expect(sdp.match(/^a=rid.*$/gm)).toEqual(['a=rid:h send']);
    expect(sdp).toContain('a=simulcast:send h\r\n');
  });
});

describe('what cannot be done', () => {
  const video = browserOffer.slice(browserOffer.indexOf('m=video'));
  test.each([
    ['no video', browserOffer.replace(video, '').replace('BUNDLE 0 1', 'BUNDLE 0')],
    ['a data channel', `${browserOffer}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n`],
    ['two videos', browserOffer.replace('BUNDLE 0 1', 'BUNDLE 0 1 2') + video.replace('a=mid:1', 'a=mid:2')],
    ['a viewer who sends', publishing],
    ['no way at all', browserOffer.replaceAll('a=recvonly', 'a=inactive')],
    [
      'the way of the session',
      browserOffer.replaceAll('a=recvonly\r\n', '').replace('t=0 0', 't=0 0\r\na=sendonly'),
    ],
    [
      'no codec of ours',
      browserOffer.replaceAll('H264/90000', 'H265/90000').replaceAll('VP8/90000', 'AV1/90000'),
    ],
    ['no Opus', browserOffer.replace('opus/48000/2', 'PCMU/8000')],
    ['plain RTP', browserOffer.replaceAll('UDP/TLS/RTP/SAVPF', 'RTP/AVP')],
    ['no bundle', browserOffer.replace('a=group:BUNDLE 0 1\r\n', '')],
    ['an m-line that is off', browserOffer.replace('m=audio 9', 'm=audio 0')],
  ])('is said in a sentence: %s', (_name, sdp) => {
    expect(() => read(sdp)).toThrow(Unsupported);
    expect(() => read(sdp)).toThrow(/^The offer .*\.$/);
  });
});

describe('what is no offer', () => {
  test.each([
    ['nothing', ''],
    ['something else', '{"sdp": "v=0"}'],
    ['a line without a type', browserOffer.replace('t=0 0', 'hello')],
    ['a damaged m-line', browserOffer.replace('m=video 9', 'm=video nine')],
    ['no m-line', browserOffer.slice(0, browserOffer.indexOf('m=audio'))],
    ['no credentials', browserOffer.replaceAll(/a=ice-pwd:.*\r\n/g, '')],
    ['short credentials', browserOffer.replaceAll(/a=ice-ufrag:.*/g, 'a=ice-ufrag:ab')],
    ['no fingerprint', browserOffer.replaceAll(/a=fingerprint.*\r\n/g, '')],
    ['no setup', browserOffer.replaceAll(/a=setup.*\r\n/g, '')],
    ['one mid twice', browserOffer.replace('a=mid:1', 'a=mid:0')],
    ['two directions', browserOffer.replaceAll('a=recvonly', 'a=recvonly\r\na=sendonly')],
    ['control characters', browserOffer.replace('s=-', 's=\u0000')],
    ['too much', browserOffer + 'a=x:y\r\n'.repeat(30_000)],
    ['a long line', `${browserOffer}a=x:${'y'.repeat(5000)}\r\n`],
  ])('is refused: %s', (_name, sdp) => {
    expect(() => read(sdp)).toThrow(BadInput);
  });
});

describe('candidates of clients', () => {
  test.each([
    // from, to, whether
    ['203.0.113.9', '198.51.100.1', true],
    ['203.0.113.9', '10.0.0.5', false],
    ['203.0.113.9', '127.0.0.1', false],
    ['203.0.113.9', '169.254.169.254', false],
    ['203.0.113.9', '::1', false],
    ['203.0.113.9', '::ffff:127.0.0.1', false],
    ['203.0.113.9', '::ffff:7f00:1', false],
    ['203.0.113.9', 'fd00::1', false],
    ['203.0.113.9', '2001:db8::1', true],
    ['192.168.1.20', '10.0.0.5', true],
    ['192.168.1.20', '127.0.0.1', false],
    ['192.168.1.20', '169.254.169.254', false],
    ['::ffff:192.168.1.20', '192.168.1.7', true],
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '10.0.0.5', true],
    ['127.0.0.1', '0.0.0.0', false],
    ['127.0.0.1', '255.255.255.255', false],
    ['127.0.0.1', '239.1.2.3', false],
    [undefined, '10.0.0.5', false],
  ] as const)('from %s may lead to %s: %s', (client, address, may) => {
    expect(reachable(address, client)).toBe(may);
  });

  test.each([
    ['a name', 'candidate:1 1 udp 2 x.local 5 typ host'],
    ['a port of 0', 'candidate:1 1 udp 2 127.0.0.1 0 typ host'],
    ['a port too high', 'candidate:1 1 udp 2 127.0.0.1 70000 typ host'],
    ['RTCP', 'candidate:1 2 udp 2 127.0.0.1 5 typ host'],
    ['TCP where it is off', 'candidate:1 1 tcp 2 127.0.0.1 9 typ host tcptype active'],
    ['nonsense', 'candidate:'],
  ])('are left out: %s', (_name, value) => {
    expect(candidateOf(value, '127.0.0.1', false)).toBeUndefined();
  });

  test('are written anew', () => {
    const value =
      '842163049 1 udp 1677729535 203.0.113.5 46154 typ srflx raddr 10.0.17.1 rport 46154 generation 0';
    expect(candidateOf(value, undefined, false)).toBe(
      '842163049 1 udp 1677729535 203.0.113.5 46154 typ srflx',
    );
    const tcp = '1 1 tcp 5 203.0.113.5 9 typ host tcptype active';
    expect(candidateOf(tcp, undefined, true)).toBe('1 1 tcp 5 203.0.113.5 9 typ host tcptype active');
  });
});

describe('fragments', () => {
  test('name credentials and candidates', () => {
    const text =
      'a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 2 127.0.0.1 5 typ host\r\na=end-of-candidates\r\n';
    expect(parseFragment(text)).toEqual({
      ufrag: 'EsAw',
      password: 'P2uYro0UCOQ4zxjKXaWCBui1',
      candidates: ['1 1 udp 2 127.0.0.1 5 typ host'],
    });
  });

  test.each(['', 'hello', 'a=mid:0', 'a=ice-ufrag:EsAw', `a=candidate:${'x'.repeat(20_000)}`])(
    'are refused where they are none: %.20s',
    (text) => {
      expect(() => parseFragment(text)).toThrow(BadInput);
    },
  );
});
