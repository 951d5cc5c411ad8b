/** What runs inside the page of the panel. Each function is sent there as it is: nothing around it is at hand. */

/**
 * Before the page's own scripts: a camera that is a moving picture, and every connection kept where it can be asked.
 * Runs in the page.
 */
export function prepare({ width, height, fps, sound, settings }) {
  localStorage.setItem('livebrush.publish', JSON.stringify(settings));
  const peers = [];
  window.bench = { peers, drawn: 0 };
  const Original = RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(...given) {
      super(...given);
      peers.push(this);
    }
  };
  const draw = (context, t) => {
    const sky = context.createLinearGradient(0, 0, width, height);
    sky.addColorStop(0, `hsl(${(t * 20) % 360} 60% 55%)`);
    sky.addColorStop(1, `hsl(${(t * 20 + 120) % 360} 50% 30%)`);
    context.fillStyle = sky;
    context.fillRect(0, 0, width, height);
    for (let i = 0; i < 7; i++) {
      const angle = t * (0.6 + i / 9) + i;
      context.fillStyle = `hsl(${i * 51} 70% ${35 + 6 * i}%)`;
      context.beginPath();
      const [x, y] = [width * (0.5 + 0.38 * Math.cos(angle)), height * (0.55 + 0.35 * Math.sin(1.3 * angle))];
      context.arc(x, y, height * (0.06 + i / 90), 0, 7);
      context.fill();
    }
  };
  const hum = (track) => {
    const audio = new AudioContext();
    const tone = audio.createOscillator();
    const out = audio.createMediaStreamDestination();
    tone.connect(out);
    tone.start();
    track.push(...out.stream.getAudioTracks());
  };
  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width, height });
    const context = canvas.getContext('2d', { alpha: false });
    const began = performance.now();
    const step = () => {
      window.bench.drawn++;
      draw(context, (performance.now() - began) / 1000);
    };
    step();
    setInterval(step, 1000 / fps);
    const tracks = canvas.captureStream().getVideoTracks();
    if (sound) hum(tracks);
    return new MediaStream(tracks);
  };
}

/** Counts the painted video's frames from now on and reads their marks with the panel's own reader. Runs in the page. */
export function watch() {
  const video = document.querySelector('video.painted');
  Object.assign(window.bench, { seen: 0, ages: [], gaps: [], video });
  let last;
  const look = (now) => {
    window.bench.seen++;
    if (last !== undefined) window.bench.gaps.push(now - last);
    last = now;
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  window.glass.readMarks(video, (age) => window.bench.ages.push(age));
}

/** How things stand: counts so far. Runs in the page. */
export async function count() {
  const { peers, drawn, seen, ages, gaps, video } = window.bench;
  const sum = { published: 0, encodeS: 0, decoded: 0, decodeS: 0, waitS: 0, waited: 0, lost: 0, freezes: 0 };
  let [sent, limits, kbps, line] = ['', {}, 0, undefined];
  for (const peer of peers) {
    if (peer.connectionState === 'closed') continue;
    for (const stat of (await peer.getStats()).values()) {
      if (stat.availableOutgoingBitrate !== undefined)
        line = Math.round(stat.availableOutgoingBitrate / 1000);
      if (stat.kind !== 'video') continue;
      if (stat.type === 'outbound-rtp') {
        sum.published += stat.framesEncoded ?? 0;
        sum.encodeS += stat.totalEncodeTime ?? 0;
        sent = `${stat.frameWidth}x${stat.frameHeight}`;
        limits = { ...stat.qualityLimitationDurations };
        kbps = Math.round((stat.targetBitrate ?? 0) / 1000);
      }
      if (stat.type === 'inbound-rtp') {
        sum.decoded += stat.framesDecoded ?? 0;
        sum.decodeS += stat.totalDecodeTime ?? 0;
        sum.waitS += stat.jitterBufferDelay ?? 0;
        sum.waited += stat.jitterBufferEmittedCount ?? 0;
        sum.lost += stat.packetsLost ?? 0;
        sum.freezes += stat.freezeCount ?? 0;
      }
    }
  }
  const shown = `${video.videoWidth}x${video.videoHeight}`;
  return {
    ...sum,
    sent,
    limits,
    kbps,
    line,
    drawn,
    seen,
    ages: ages.splice(0),
    gaps: gaps.splice(0),
    shown,
    at: performance.now(),
  };
}
