import type { TrainingRun } from '../../../src/server/protocol.js';
import { useCell } from '../cell.js';
import { moment } from '../i18n/index.js';
import { state } from './feed.js';
import { word } from './words.js';

const text = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : Array.isArray(value)
      ? value.map(text).join(', ')
      : JSON.stringify(value);

/** What an option was before, where a run changed it. */
function before(runs: readonly TrainingRun[], name: string): unknown {
  const now = text(runs.at(-1)?.options[name]);
  return runs.slice(0, -1).findLast(({ options }) => name in options && text(options[name]) !== now)?.options[
    name
  ];
}

function Runs({ runs }: { runs: readonly TrainingRun[] }) {
  return (
    <>
      <h3>{word('runs')}</h3>
      <ol class="runs">
        {runs.map(({ step, at }, i) => (
          <li key={`${i} ${step}`} class="number">
            {word('run', { step: step.toLocaleString('en') })}
            {at && !Number.isNaN(Date.parse(at)) && <span class="quiet"> · {moment(at)}</span>}
          </li>
        ))}
      </ol>
    </>
  );
}

/** The options of the training, and what they were in runs before. */
export function Recipe() {
  const runs = useCell(state.runs);
  const told = runs.filter(({ options }) => Object.keys(options).length > 0);
  const options = Object.entries(told.at(-1)?.options ?? {}).filter(([, value]) => value !== undefined);
  return (
    <section class="card recipe" aria-labelledby="recipe">
      <h2 id="recipe">{word('recipe')}</h2>
      {options.length === 0 && <p class="quiet">{word('noRecipe')}</p>}
      <dl class="options">
        {options.map(([name, value]) => {
          const was = before(told, name);
          return (
            <div key={name}>
              <dt>{name}</dt>
              <dd class="number break">
                {text(value)}
                {was !== undefined && <span class="quiet"> {word('was', { value: text(was) })}</span>}
              </dd>
            </div>
          );
        })}
      </dl>
      {runs.length > 1 && <Runs runs={runs} />}
    </section>
  );
}
