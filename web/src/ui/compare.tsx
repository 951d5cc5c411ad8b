import { useEffect, useRef, useState } from 'preact/hooks';
import { useCell } from '../cell.js';
import { t } from '../i18n/index.js';
import { state } from '../state.js';
import { Viewer } from '../whep.js';
import { usePublished } from './published.js';

/** The source as it came: this page's own camera if it goes to this stream, or a look of strength 0 that is fetched while it is looked at. */
function useBefore(): MediaStream | undefined {
  const name = useCell(state.streamName);
  const [fetched, setFetched] = useState<MediaStream>();
  const own = usePublished()?.media;
  useEffect(() => {
    if (own) return;
    const viewer = new Viewer({
      url: `/${encodeURIComponent(name)}/whep?strength=0`,
      iceServers: state.info.value?.iceServers ?? [],
      sound: false,
      onState: () => {},
      onMedia: setFetched,
    });
    return () => {
      viewer.close();
      setFetched(undefined);
    };
  }, [own, name]);
  return own ?? fetched;
}

const STEP = 2;
const clamp = (value: number) => Math.max(0, Math.min(100, value));

/** Before on the left, after on the right of a line that can be dragged or moved with the arrow keys. */
export function Compare() {
  const media = useBefore();
  const video = useRef<HTMLVideoElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const [share, setShare] = useState(50);
  useEffect(() => {
    if (!video.current) return;
    video.current.srcObject = media ?? null;
    video.current.muted = true;
    void video.current.play().catch(() => {});
  }, [media]);
  const drag = (event: PointerEvent) => {
    const box = frame.current?.getBoundingClientRect();
    if (!box || !(event.buttons & 1)) return;
    setShare(clamp((100 * (event.clientX - box.left)) / box.width));
  };
  const keys: Record<string, number> = {
    ArrowLeft: share - STEP,
    ArrowRight: share + STEP,
    ArrowDown: share - STEP,
    ArrowUp: share + STEP,
    PageDown: share - 10,
    PageUp: share + 10,
    Home: 0,
    End: 100,
  };
  return (
    <div class="compare" ref={frame}>
      <video
        ref={video}
        muted
        playsInline
        autoplay
        style={{ clipPath: `inset(0 ${100 - share}% 0 0)` }}
        aria-label={t('compare.before')}
      />
      <span class="compare-word before" hidden={share < 12}>
        {t('compare.before')}
      </span>
      <span class="compare-word after" hidden={share > 88}>
        {t('compare.after')}
      </span>
      <div
        class="compare-line"
        style={{ left: `${share}%` }}
        role="slider"
        tabIndex={0}
        aria-label={t('compare.label')}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share)}
        aria-valuetext={t('compare.value', { n: Math.round(share) })}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          event.currentTarget.focus();
        }}
        onPointerMove={drag}
        onKeyDown={(event) => {
          const to = keys[event.key];
          if (to === undefined) return;
          event.preventDefault();
          event.stopPropagation();
          setShare(clamp(to));
        }}
      >
        <span class="compare-grip" />
      </div>
    </div>
  );
}
