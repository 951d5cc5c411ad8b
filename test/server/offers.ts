/** What Chromium offers a WHEP server, shortened: Opus and PCMU, VP8, three variants of H.264, and retransmissions. */
export const browserOffer = [
  'v=0',
  'o=- 4611731400430051336 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0 1',
  'a=extmap-allow-mixed',
  'a=msid-semantic: WMS',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 0',
  'c=IN IP4 0.0.0.0',
  'a=rtcp:9 IN IP4 0.0.0.0',
  'a=candidate:3859917557 1 udp 2113937151 4b6a6b39-91e3-4f0b-b4a4-d9a5e3c9d2d1.local 46154 typ host generation 0',
  'a=candidate:3859917558 1 udp 2113937150 127.0.0.1 46155 typ host generation 0 network-cost 999',
  'a=ice-ufrag:EsAw',
  'a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1',
  'a=ice-options:trickle',
  'a=fingerprint:sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2',
  'a=setup:actpass',
  'a=mid:0',
  'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
  'a=recvonly',
  'a=rtcp-mux',
  'a=rtpmap:111 opus/48000/2',
  'a=rtcp-fb:111 transport-cc',
  'a=fmtp:111 minptime=10;useinbandfec=1',
  'a=rtpmap:0 PCMU/8000',
  'm=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 105 108 109',
  'c=IN IP4 0.0.0.0',
  'a=rtcp:9 IN IP4 0.0.0.0',
  'a=ice-ufrag:EsAw',
  'a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1',
  'a=ice-options:trickle',
  'a=fingerprint:sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2',
  'a=setup:actpass',
  'a=mid:1',
  'a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
  'a=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space',
  'a=recvonly',
  'a=rtcp-mux',
  'a=rtcp-rsize',
  ...[96, 102, 104, 108].flatMap((payload) => [
    `a=rtpmap:${payload} ${payload === 96 ? 'VP8' : 'H264'}/90000`,
    ...['goog-remb', 'transport-cc', 'ccm fir', 'nack', 'nack pli'].map((it) => `a=rtcp-fb:${payload} ${it}`),
    ...(payload === 96
      ? []
      : [
          `a=fmtp:${payload} level-asymmetry-allowed=1;packetization-mode=${payload === 104 ? 0 : 1};profile-level-id=${payload === 102 ? '640c1f' : '42e01f'}`,
        ]),
    `a=rtpmap:${payload + 1} rtx/90000`,
    `a=fmtp:${payload + 1} apt=${payload}`,
  ]),
  'a=ssrc-group:FID 1234567 7654321',
  'a=ssrc:1234567 cname:abc',
  'a=ssrc:7654321 cname:abc',
  '',
].join('\r\n');

/** Random numbers that are the same in every run. */
export function dice(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Leaves out, doubles, swaps and damages lines, characters and numbers. */
export function mutated(text: string, random: (below: number) => number): string {
  const lines = text.split('\r\n');
  for (let i = 0; i <= random(4); i++) {
    const at = random(lines.length);
    const line = lines[at]!;
    const where = random(Math.max(1, line.length));
    const changes = [
      () => lines.splice(at, 1),
      () => lines.splice(at, 0, line),
      () => lines.splice(random(lines.length), 0, ...lines.splice(at, 1)),
      () => (lines[at] = line.slice(0, where) + String.fromCharCode(32 + random(95)) + line.slice(where + 1)),
      () => (lines[at] = line.replace(/\d+/, () => String(random(2 ** 32)))),
      () => (lines[at] = line.slice(0, where)),
      () => (lines[at] = line.replace(/(sendonly|recvonly|actpass|sha-256|BUNDLE|mid|rtcp-mux)/, '')),
    ];
    changes[random(changes.length)]!();
  }
  return lines.join('\r\n');
}
