import { useState } from 'preact/hooks';
import { useCell } from '../cell.js';
import { Slider } from '../ui/slider.js';
import { state } from './feed.js';
import { word } from './words.js';

/** The sheets of samples: the newest as they come, or one that was chosen. */
export function Sheets() {
  const sheets = useCell(state.sheets);
  const [chosen, choose] = useState<number>();
  const last = sheets.length - 1;
  // A sheet keeps its place by its step while others come.
  const at = chosen === undefined ? last : sheets.findLastIndex(({ step }) => step <= chosen);
  const sheet = sheets[Math.max(0, at)];
  return (
    <section aria-labelledby="sheets" class="card sheets">
      <div class="section-head">
        <h2 id="sheets">{word('sheet')}</h2>
        {sheet && (
          <button
            type="button"
            class="plain small"
            aria-pressed={chosen === undefined}
            title={word('followsNewest')}
            onClick={() => choose(chosen === undefined ? sheet.step : undefined)}
          >
            {word('newest')}
          </button>
        )}
      </div>
      {sheet ? (
        <>
          <a class="sheet" href={sheet.url} target="_blank" rel="noreferrer" title={word('open')}>
            <img src={sheet.url} alt={word('sheetAlt', { step: sheet.step })} />
          </a>
          {last > 0 && (
            <Slider
              label={word('sheetStep')}
              value={Math.max(0, at)}
              max={last}
              step={1}
              shown={sheet.step.toLocaleString('en')}
              onInput={(index) => choose(index === last ? undefined : sheets[index]?.step)}
            />
          )}
          {last === 0 && <p class="quiet">{word('at', { step: sheet.step })}</p>}
        </>
      ) : (
        <p class="quiet">{word('noSheets')}</p>
      )}
    </section>
  );
}
