import type { FunctionComponent } from 'preact';
import { useId } from 'preact/hooks';
import { useCell } from '../cell.js';
import { t } from '../i18n/index.js';
import { state, type Tab } from '../state.js';
import { Cues } from './cues.js';
import { CyclePanel } from './cycle.js';
import { Mix } from './mix-pad.js';
import { Numbers } from './numbers.js';
import { Recordings } from './recordings.js';
import { Share } from './share.js';
import { Videos } from './videos.js';

const PAGES: Record<Tab, FunctionComponent> = {
  mix: Mix,
  cycle: CyclePanel,
  cues: Cues,
  share: Share,
  recordings: Recordings,
  videos: Videos,
  numbers: Numbers,
};
const TABS = Object.keys(PAGES) as Tab[];

/** Everything beside the look, one page at a time. */
export function Deck() {
  const tab = useCell(state.tab);
  const id = useId();
  const Page = PAGES[tab];
  const step = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length] as Tab;
    state.tab.value = next;
    document.getElementById(`${id}-${next}`)?.focus();
  };
  return (
    <section class="card deck">
      <div class="tabs" role="tablist" aria-label={t('deck.label')} onKeyDown={step}>
        {TABS.map((it) => (
          <button
            key={it}
            id={`${id}-${it}`}
            type="button"
            role="tab"
            aria-selected={it === tab}
            aria-controls={`${id}-page`}
            tabIndex={it === tab ? 0 : -1}
            onClick={() => {
              state.tab.value = it;
            }}
          >
            {t(`tab.${it}`)}
          </button>
        ))}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a page that scrolls is scrolled with the keyboard too */}
      <div class="page" id={`${id}-page`} role="tabpanel" aria-labelledby={`${id}-${tab}`} tabIndex={0}>
        <Page />
      </div>
    </section>
  );
}
