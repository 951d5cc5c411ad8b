import { useEffect, useRef, useState } from 'preact/hooks';
import { api, type InputWish } from '../api.js';
import { type Devices, devices } from '../capture.js';
import { useCell } from '../cell.js';
import { percent, t } from '../i18n/index.js';
import { needAdmin } from '../may.js';
import { publish, stopPublishing } from '../publish.js';
import { feed } from '../session.js';
import { type PublishSettings, state } from '../state.js';
import { keep } from '../storage.js';
import { takeFile } from '../take-file.js';
import { attempt } from '../toast.js';
import { Dialog } from './dialog.js';
import { Icon, type IconName } from './icon.js';

type Kind = 'camera' | 'screen' | 'file' | 'server';
const KINDS: readonly Kind[] = ['camera', 'screen', 'file', 'server'];
const HEIGHTS = [240, 360, 480, 720];
const RATES = [800, 1500, 2500, 4000, 8000];
const PACES = [15, 24, 30];

/** Addresses at which the server can wait for a publisher. */
const LISTENS = /^(rtmp|srt):/;

const close = () => {
  state.dialog.value = undefined;
  state.dropped.value = undefined;
};

function set(change: Partial<PublishSettings>) {
  state.settings.value = { ...state.settings.value, ...change };
  keep('publish', state.settings.value);
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string | number;
  readonly options: readonly (readonly [value: string | number, label: string])[];
  readonly onChange: (value: string) => void;
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <label class="field">
      {label}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([it, words]) => (
          <option key={it} value={it}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

function CameraFields() {
  const settings = useCell(state.settings);
  const [known, setKnown] = useState<Devices>({ cameras: [], microphones: [] });
  useEffect(() => {
    const look = () => void devices().then(setKnown);
    look();
    navigator.mediaDevices?.addEventListener?.('devicechange', look);
    return () => navigator.mediaDevices?.removeEventListener?.('devicechange', look);
  }, []);
  const named = (list: Devices['cameras']) => [
    ['', t('source.default')] as const,
    ...list.map(({ id, label }, i) => [id, label || `${i + 1}`] as const),
  ];
  return (
    <div class="fields">
      <Choice
        label={t('source.whichCamera')}
        value={settings.camera}
        options={named(known.cameras)}
        onChange={(camera) => set({ camera })}
      />
      <Choice
        label={t('source.height')}
        value={settings.height}
        options={HEIGHTS.map((it) => [it, `${it}p`])}
        onChange={(height) => set({ height: Number(height) })}
      />
      <Choice
        label={t('source.microphone')}
        value={settings.microphone}
        options={named(known.microphones)}
        onChange={(microphone) => set({ microphone })}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={settings.sound}
          onChange={(event) => set({ sound: event.currentTarget.checked })}
        />
        {t('source.sound')}
      </label>
    </div>
  );
}

function SendFields() {
  const settings = useCell(state.settings);
  return (
    <details class="more">
      <summary>{t('source.sending')}</summary>
      <div class="fields">
        <Choice
          label={t('source.codec')}
          value={settings.codec}
          options={[
            ['h264', 'H.264'],
            ['vp8', 'VP8'],
          ]}
          onChange={(codec) => set({ codec: codec === 'vp8' ? 'vp8' : 'h264' })}
        />
        <Choice
          label={t('source.rate')}
          value={settings.maxKbps}
          options={RATES.map((it) => [it, `${it / 1000} Mb/s`])}
          onChange={(rate) => set({ maxKbps: Number(rate) })}
        />
        <Choice
          label={t('source.fps')}
          value={settings.maxFps}
          options={PACES.map((it) => [it, `${it} fps`])}
          onChange={(fps) => set({ maxFps: Number(fps) })}
        />
      </div>
    </details>
  );
}

function ServerFields() {
  const info = useCell(state.info);
  const [url, setUrl] = useState('');
  const [listen, setListen] = useState(false);
  const [sent, setSent] = useState<number>();
  const gone = useRef(new AbortController()).current;
  useEffect(() => () => gone.abort(), []);
  const use = async (input: InputWish) => {
    if (!needAdmin()) return;
    stopPublishing();
    if ((await feed(input)) && !gone.signal.aborted) close();
  };
  /** Into the stream it was chosen for, unless this page was left or a source begun meanwhile. */
  const upload = (file: File | undefined) =>
    file &&
    attempt(async () => {
      const name = state.streamName.value;
      const before = state.publishing.value?.media;
      setSent(0);
      const { id } = await api.upload(file, setSent, gone.signal).finally(() => setSent(undefined));
      const now = state.publishing.value?.media;
      if (gone.signal.aborted || (now && now !== before)) return;
      stopPublishing();
      await api.setInput(name, { kind: 'file', file: id, loop: true });
      if (!gone.signal.aborted) close();
    });
  return (
    <div class="server-sources">
      <div class="row wrap">
        <button type="button" class="plain" onClick={() => use({ kind: 'demo' })}>
          <Icon name="brush" />
          {t('input.demo')}
        </button>
        <button type="button" class="plain" onClick={() => use({ kind: 'pattern' })}>
          <Icon name="screen" />
          {t('input.pattern')}
        </button>
        <label class="file-button plain">
          <Icon name="upload" />
          {sent === undefined ? t('source.upload') : `${t('job.uploading')} ${percent(sent)}`}
          <input
            type="file"
            accept="video/*,.mkv"
            disabled={sent !== undefined}
            onClick={(event) => needAdmin() || event.preventDefault()}
            onChange={(event) => upload(takeFile(event.currentTarget))}
          />
        </label>
      </div>
      {info?.urls ? (
        <form
          class="row wrap"
          onSubmit={(event) => {
            event.preventDefault();
            void use({ kind: 'url', url, listen: listen && LISTENS.test(url) });
          }}
        >
          <input
            class="grow"
            type="url"
            required
            aria-label={t('source.url')}
            placeholder="rtsp://… rtmp://… srt://… https://….m3u8"
            value={url}
            onInput={(event) => setUrl(event.currentTarget.value)}
          />
          <button type="submit" class="plain">
            {t('source.useUrl')}
          </button>
          {LISTENS.test(url) && (
            <label class="check">
              <input
                type="checkbox"
                checked={listen}
                onChange={(event) => setListen(event.currentTarget.checked)}
              />
              {t('source.listen')}
            </label>
          )}
        </form>
      ) : (
        <p class="quiet">{t('source.noUrls')}</p>
      )}
    </div>
  );
}

const ICONS: Record<Kind, IconName> = { camera: 'camera', screen: 'screen', file: 'file', server: 'server' };

function FileFields({ file, onFile }: { file: File | undefined; onFile: (file: File | undefined) => void }) {
  return (
    <label class="drop">
      <Icon name="file" />
      <span class="clip">{file?.name ?? t('source.chooseFile')}</span>
      <input
        type="file"
        accept="video/*,.mkv"
        onChange={(event) => onFile(takeFile(event.currentTarget) ?? file)}
      />
    </label>
  );
}

/** What is painted: something of this machine, or something the server has. */
export function SourceDialog() {
  const dropped = useCell(state.dropped);
  const [kind, setKind] = useState<Kind>(dropped ? 'file' : 'camera');
  const [file, setFile] = useState(dropped);
  useEffect(() => {
    if (!dropped) return;
    setKind('file');
    setFile(dropped);
  }, [dropped]);
  const begin = () => {
    close();
    if (kind !== 'server') void publish(kind, file);
  };
  return (
    <Dialog title={t('source.title')} onClose={close} wide>
      <div class="kinds" role="radiogroup" aria-label={t('source.title')}>
        {KINDS.map((it) => (
          <label key={it} class={it === kind ? 'kind on' : 'kind'}>
            <input type="radio" name="kind" checked={it === kind} onChange={() => setKind(it)} />
            <Icon name={ICONS[it]} />
            {t(`source.${it}`)}
          </label>
        ))}
      </div>
      <p class="quiet">{t(`source.${kind}.hint`)}</p>
      {kind === 'camera' && <CameraFields />}
      {kind === 'file' && <FileFields file={file} onFile={setFile} />}
      {kind === 'server' && <ServerFields />}
      {kind !== 'server' && (
        <>
          <SendFields />
          <div class="row end">
            <button type="button" class="primary" disabled={kind === 'file' && !file} onClick={begin}>
              <Icon name={ICONS[kind]} />
              {t(`publish.${kind}`)}
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
