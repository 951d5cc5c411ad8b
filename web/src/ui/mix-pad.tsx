import { useRef } from 'preact/hooks';
import { setMix, startPad, titleOf, togglePad } from '../actions.js';
import { useCell } from '../cell.js';
import { percent, t } from '../i18n/index.js';
import { useAdmin } from '../may.js';
import { type Point, places, puckOf, weightsAt, withWeight } from '../mix.js';
import { state } from '../state.js';
import { deniedTo } from './admin-note.js';
import { Icon } from './icon.js';
import { Picture } from './picture.js';
import { Slider } from './slider.js';

const STEP = 0.05;
const clamp = (value: number) => Math.max(0, Math.min(1, value));
const painted = (name: string) => state.styles.value.find((style) => style.name === name)?.painted ?? '';

interface PadProps {
  readonly styles: readonly string[];
  readonly weights: readonly number[];
  readonly disabled?: boolean;
  readonly describedBy?: string;
}

function Pad({ styles, weights, disabled, describedBy }: PadProps) {
  const area = useRef<HTMLDivElement>(null);
  /** Where the hand put the puck; the weights alone do not tell. */
  const held = useRef<{ at: Point; weights: readonly number[] }>(undefined);
  const points = places(styles.length);
  const puck = held.current?.weights === weights ? held.current.at : puckOf(weights, points);
  const move = (at: Point) => {
    const next = weightsAt(at, points);
    held.current = { at, weights: next };
    setMix(styles, next);
  };
  const drag = (event: PointerEvent) => {
    const box = area.current?.getBoundingClientRect();
    if (disabled || !box || !(event.buttons & 1)) return;
    move({
      x: clamp((event.clientX - box.left) / box.width),
      y: clamp((event.clientY - box.top) / box.height),
    });
  };
  const arrows: Record<string, Point> = {
    ArrowLeft: { x: -STEP, y: 0 },
    ArrowRight: { x: STEP, y: 0 },
    ArrowUp: { x: 0, y: -STEP },
    ArrowDown: { x: 0, y: STEP },
  };
  const key = (event: KeyboardEvent) => {
    const by = arrows[event.key];
    if (!by || disabled) return;
    event.preventDefault();
    event.stopPropagation();
    move({ x: clamp(puck.x + by.x), y: clamp(puck.y + by.y) });
  };
  const words = styles.map((name, i) => `${titleOf(name)} ${percent(weights[i] ?? 0)}`).join(', ');
  return (
    <div
      class={disabled ? 'pad disabled' : 'pad'}
      ref={area}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        drag(event);
      }}
      onPointerMove={drag}
    >
      <svg class="pad-lines" viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
        {points.map((point, i) => (
          <line
            key={styles[i]}
            x1={puck.x}
            y1={puck.y}
            x2={point.x}
            y2={point.y}
            stroke-opacity={0.12 + 0.88 * (weights[i] ?? 0)}
          />
        ))}
      </svg>
      {points.map((point, i) => (
        <span
          key={styles[i]}
          class="pad-point"
          style={{ left: `${100 * point.x}%`, top: `${100 * point.y}%`, '--weight': String(weights[i] ?? 0) }}
        >
          <Picture class="pad-picture" url={painted(styles[i] ?? '')} />
        </span>
      ))}
      {/* A puck moves both ways; the nearest role is a slider whose value is said in words. */}
      <span
        class="puck"
        role="slider"
        tabIndex={0}
        aria-label={t('mix.puck')}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(100 * puck.x)}
        aria-valuetext={words}
        aria-disabled={disabled}
        aria-describedby={describedBy}
        style={{ left: `${100 * puck.x}%`, top: `${100 * puck.y}%` }}
        onKeyDown={key}
      />
    </div>
  );
}

/** Several styles at once: a puck between them, and a slider for each. */
export function Mix() {
  const { styles, weights } = useCell(state.pad);
  const all = useCell(state.styles);
  // Until the stream has said how it looks there is nothing to begin with.
  const told = useCell(state.look).mix.length > 0;
  const denied = deniedTo(useAdmin());
  const free = all.filter(({ name }) => !styles.includes(name));
  return (
    <div class="mix">
      {styles.length >= 2 ? (
        <Pad styles={styles} weights={weights} {...denied} />
      ) : (
        <div class="pad empty">
          <p class="quiet centred">{t('mix.empty')}</p>
          <button type="button" class="plain" disabled={!told || all.length < 2} onClick={startPad}>
            <Icon name="plus" />
            {t('mix.try')}
          </button>
        </div>
      )}
      <div class="mix-sliders">
        {styles.map((name, i) => (
          <div class="mix-row" key={name}>
            <Slider
              label={titleOf(name)}
              value={weights[i] ?? 0}
              max={1}
              step={0.01}
              shown={percent(weights[i] ?? 0)}
              target={`pad:${i}`}
              onInput={(value) => setMix(styles, withWeight(weights, i, value))}
              {...denied}
            />
            <button
              type="button"
              class="mini"
              aria-label={t('mix.toggle', { name: titleOf(name) })}
              title={t('mix.toggle', { name: titleOf(name) })}
              onClick={() => togglePad(name)}
            >
              <Icon name="close" />
            </button>
          </div>
        ))}
        <select
          aria-label={t('mix.add')}
          value=""
          onChange={(event) => {
            togglePad(event.currentTarget.value);
            event.currentTarget.value = '';
          }}
        >
          <option value="">{t('mix.add')}</option>
          {free.map(({ name, title }) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}
