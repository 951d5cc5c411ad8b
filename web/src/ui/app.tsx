import { useEffect } from 'preact/hooks';
import { perform } from '../actions.js';
import { useCell } from '../cell.js';
import { fileKind } from '../file-kind.js';
import { language, t } from '../i18n/index.js';
import { actionOf, takenBy } from '../keys.js';
import { needAdmin } from '../may.js';
import { state } from '../state.js';
import { say } from '../toast.js';
import { Deck } from './deck.js';
import { Gallery } from './gallery.js';
import { Header } from './header.js';
import { LookPanel } from './look-panel.js';
import { SheetDialog } from './sheet-dialog.js';
import { SourceDialog } from './source-dialog.js';
import { Stage } from './stage.js';
import { StyleDialog } from './style-dialog.js';
import { Banner, Toasts } from './toasts.js';
import { TokenDialog } from './token-dialog.js';
import { Toolbar } from './toolbar.js';
import { TuneDialog } from './tune-dialog.js';

const DIALOGS = {
  ...{ source: SourceDialog, token: TokenDialog, sheet: SheetDialog },
  ...{ style: StyleDialog, tune: TuneDialog },
};

/** Whether the mouse or a finger was used last, and not a key. */
let pointed = false;

/** A list that was chosen from by mouse lets the keys go: it would take them for the first letters of its entries. */
function chosen({ target }: Event) {
  if (pointed && target instanceof HTMLSelectElement) target.blur();
}

function pressed(event: KeyboardEvent) {
  pointed = false;
  if (takenBy(event.target as Element | null, event.key)) return;
  const action = actionOf(event);
  if (!action) return;
  event.preventDefault();
  perform(action);
}

/** A picture becomes a style, a video a source; of several the first. */
function receive(files: FileList | undefined | null, event: Event) {
  const file = [...(files ?? [])].find(fileKind);
  if (!file) {
    if (files?.length) say('warning', t('toast.wrongFile'));
    return;
  }
  event.preventDefault();
  if (fileKind(file) === 'image' && !needAdmin()) return;
  if (files && files.length > 1) say('warning', t('toast.oneFile', { name: file.name }));
  state.dropped.value = file;
  state.dialog.value = fileKind(file) === 'image' ? 'style' : 'source';
}

function useDoors() {
  useEffect(() => {
    const over = (event: DragEvent) => {
      if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
      document.body.classList.toggle('dragging', event.type === 'dragover');
    };
    const drop = (event: DragEvent) => {
      document.body.classList.remove('dragging');
      if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
      receive(event.dataTransfer?.files, event);
    };
    const paste = (event: ClipboardEvent) => receive(event.clipboardData?.files, event);
    const point = () => {
      pointed = true;
    };
    const doors = {
      keydown: pressed,
      pointerdown: point,
      change: chosen,
      dragover: over,
      dragleave: over,
      drop,
      paste,
    } as Record<string, (event: never) => void>;
    for (const [name, door] of Object.entries(doors)) addEventListener(name, door as EventListener);
    return () => {
      for (const [name, door] of Object.entries(doors)) removeEventListener(name, door as EventListener);
    };
  }, []);
}

export function App() {
  const dialog = useCell(state.dialog);
  useCell(language);
  useDoors();
  const Open = dialog && DIALOGS[dialog];
  return (
    <div class="app">
      <Banner />
      <Header />
      <main class="main">
        <div class="left">
          <Stage />
          <Toolbar />
        </div>
        <Gallery />
        <div class="console">
          <LookPanel />
          <Deck />
        </div>
      </main>
      <Toasts />
      {Open && <Open />}
      <div class="drop-veil" aria-hidden="true">
        {t('drop')}
      </div>
    </div>
  );
}
