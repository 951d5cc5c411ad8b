import { useId } from 'preact/hooks';
import { Learn } from './learn.js';

interface Props {
  readonly label: string;
  readonly hint?: string;
  readonly value: number;
  readonly min?: number;
  readonly max: number;
  readonly step: number;
  /** The value as people read it: `85 %`. */
  readonly shown: string;
  readonly onInput: (value: number) => void;
  /** What MIDI calls it. */
  readonly target?: string;
  readonly disabled?: boolean;
  /** The id of what says more, such as why it is disabled. */
  readonly describedBy?: string;
}

/** A labelled slider with its value, and a place to bind it to a knob. */
export function Slider(props: Props) {
  const { label, hint, value, min = 0, max, step, shown, onInput, target, disabled, describedBy } = props;
  const id = useId();
  const share = max > min ? (value - min) / (max - min) : 0;
  return (
    <div class="slider">
      <label for={id} title={hint}>
        {label}
      </label>
      {target && <Learn target={target} name={label} />}
      <output for={id}>{shown}</output>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={shown}
        aria-describedby={describedBy}
        disabled={disabled}
        style={{ '--share': `${100 * share}%` }}
        onInput={(event) => onInput(Number(event.currentTarget.value))}
      />
    </div>
  );
}
