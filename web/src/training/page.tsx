import { useEffect } from 'preact/hooks';
import { useCell } from '../cell.js';
import { language, setLanguage } from '../i18n/index.js';
import { Charts } from './charts.js';
import { state } from './feed.js';
import { Figures } from './figures.js';
import { Recipe } from './recipe.js';
import { Sheets } from './sheets.js';
import { Chip, Standing } from './standing.js';
import { word } from './words.js';

/** The name in the tab, with how far it is. */
function useTitle() {
  const name = useCell(state.name);
  const progress = useCell(state.progress);
  useEffect(() => {
    const share = progress?.steps ? `${Math.floor((100 * progress.step) / progress.steps)} % · ` : '';
    document.title = name ? `${share}${name} · Livebrush` : 'Livebrush';
  }, [name, progress]);
}

function Lost() {
  return (
    <p class="banner" role="alert">
      {word('lostHint')}
    </p>
  );
}

/** The page of a training. */
export function Training() {
  const name = useCell(state.name);
  const lang = useCell(language);
  const connected = useCell(state.connected);
  useTitle();
  return (
    <div class="app">
      {connected === false && <Lost />}
      <header class="training-header">
        <img src="/favicon.svg" alt="" width="28" height="28" />
        <h1>
          <span class="quiet">{word('title')}</span> {name}
        </h1>
        <Chip />
        <button
          type="button"
          class="plain small"
          lang={lang === 'zh' ? 'en' : 'zh-CN'}
          onClick={() => setLanguage(lang === 'zh' ? 'en' : 'zh')}
        >
          {word('language')}
        </button>
      </header>
      <main class="training">
        <Standing />
        <Sheets />
        <Charts />
        <Figures />
        <Recipe />
      </main>
    </div>
  );
}
