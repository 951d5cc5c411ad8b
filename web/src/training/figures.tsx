import { useCell } from '../cell.js';
import { COURSE } from './charts.js';
import { state } from './feed.js';
import { latest, least, shown, type Table } from './table.js';
import { nameOf, word } from './words.js';

const cell = (found: { value: number } | undefined) => (found ? shown(found.value) : '–');

function Rows({ table, kind }: { table: Table; kind: 'training' | 'heldOut' }) {
  return (
    <>
      {[...table.values.keys()].map((name) => {
        const best = COURSE.includes(name) ? undefined : least(table, name);
        return (
          <tr key={name}>
            <th scope="row">
              {nameOf(name)} <span class="quiet">{word(kind)}</span>
            </th>
            <td>{cell(latest(table, name))}</td>
            <td>{cell(best)}</td>
            <td class="quiet">{best?.step.toLocaleString('en') ?? '–'}</td>
          </tr>
        );
      })}
    </>
  );
}

/** The curves as numbers. */
export function Figures() {
  const { training, heldOut } = useCell(state.curves);
  if (training.steps.length + heldOut.steps.length === 0) return null;
  return (
    <section class="card figures-card" aria-labelledby="figures">
      <h2 id="figures">{word('figures')}</h2>
      <div class="table-room">
        <table>
          <thead>
            <tr>
              <th scope="col">{word('figure')}</th>
              <th scope="col">{word('now')}</th>
              <th scope="col">{word('least')}</th>
              <th scope="col">{word('atStep')}</th>
            </tr>
          </thead>
          <tbody class="number">
            <Rows table={heldOut} kind="heldOut" />
            <Rows table={training} kind="training" />
          </tbody>
        </table>
      </div>
    </section>
  );
}
