import { useState } from 'preact/hooks';
import type { InputInfo, OutputInfo } from '../../../src/server/protocol.js';
import { api, type OutputWish } from '../api.js';
import { useCell } from '../cell.js';
import { bytes, t } from '../i18n/index.js';
import { needAdmin } from '../may.js';
import { arrives } from '../obs.js';
import { state } from '../state.js';
import { attempt } from '../toast.js';
import { token } from '../token.js';
import { AdminNote } from './admin-note.js';
import { IconButton } from './button.js';
import { CopyField } from './copy-field.js';
import { Icon } from './icon.js';
import { Qr } from './qr.js';

function ObsCard({ base, input }: { base: string; input: InputInfo | undefined }) {
  const secret = useCell(state.info)?.tokens?.publish ?? token();
  const { good, text, advice } = arrives(input);
  return (
    <section class="sub">
      <h3>{t('obs.title')}</h3>
      <p class="quiet">{t('obs.where')}</p>
      <CopyField label={t('obs.server')} value={`${base}/whip`} />
      {secret ? (
        <CopyField label={t('obs.token')} value={secret} secret />
      ) : (
        <p class="quiet">{t('obs.noToken')}</p>
      )}
      <p class={good ? 'arrives good' : 'arrives'} role="status">
        <span class={good ? 'dot live' : 'dot'} />
        <span>
          {text}
          {advice && <span class="advice"> {advice}</span>}
        </span>
      </p>
    </section>
  );
}

function WatchCard({ url }: { url: string }) {
  const info = useCell(state.info);
  const read = info?.tokens?.read;
  const link = read ? `${url}#token=${read}` : url;
  return (
    <section class="sub watch-card">
      <h3>{t('watch.title')}</h3>
      <div class="watch-row">
        <Qr text={link} label={t('watch.qr')} />
        <div class="grow">
          <CopyField label={t('watch.link')} value={link} />
          <p class="quiet">{t('watch.obs')}</p>
          {info?.auth && !read && <p class="quiet">{t('watch.token')}</p>}
          <a class="text-button" href={link} target="_blank" rel="noreferrer">
            <Icon name="link" />
            {t('watch.open')}
          </a>
        </div>
      </div>
    </section>
  );
}

async function withOutputs(work: (name: string) => Promise<unknown>): Promise<void> {
  if (!needAdmin()) return;
  const name = state.streamName.value;
  await attempt(async () => {
    await work(name);
    const stream = await api.stream(name);
    if (state.streamName.value === name) state.stream.value = stream;
  });
}

function Output({ output, hls }: { output: OutputInfo; hls: string }) {
  const { id, kind, target, state: how, problem, dropped } = output;
  return (
    <li class="output">
      <span class={`dot ${how === 'running' ? 'live' : how === 'failed' ? 'failed' : 'retrying'}`} />
      <span class="grow">
        <strong>{t(`output.${kind}`)}</strong>{' '}
        <span class="quiet break">{kind === 'hls' ? hls : target}</span>
        <br />
        <span class="quiet number">
          {t(`output.state.${how}`)} · {bytes(output.bytes)}
          {dropped > 0 && ` · ${t('output.dropped', { n: dropped })}`}
          {problem && ` · ${problem}`}
        </span>
      </span>
      <IconButton
        label={t('output.remove', { name: t(`output.${kind}`) })}
        icon="trash"
        onClick={() => withOutputs((name) => api.removeOutput(name, id))}
      />
    </li>
  );
}

function Outputs({ base }: { base: string }) {
  const outputs = useCell(state.stream)?.outputs ?? [];
  const urls = useCell(state.info)?.urls;
  const [url, setUrl] = useState('');
  const add = (wish: OutputWish) => withOutputs((name) => api.addOutput(name, wish));
  const hls = `${base}/hls/index.m3u8`;
  return (
    <section class="sub">
      <h3>{t('output.title')}</h3>
      <AdminNote />
      <ul class="outputs">
        {outputs.map((output) => (
          <Output key={output.id} output={output} hls={hls} />
        ))}
      </ul>
      <div class="row wrap">
        {!outputs.some(({ kind }) => kind === 'hls') && (
          <button type="button" class="plain" onClick={() => add({ kind: 'hls' })}>
            <Icon name="plus" />
            {t('output.addHls')}
          </button>
        )}
        {urls ? (
          <form
            class="row grow"
            onSubmit={(event) => {
              event.preventDefault();
              void add({ kind: 'push', url }).then(() => setUrl(''));
            }}
          >
            <input
              type="url"
              required
              class="grow"
              aria-label={t('output.url')}
              placeholder="rtmp://…"
              value={url}
              onInput={(event) => setUrl(event.currentTarget.value)}
            />
            <button type="submit" class="plain">
              {t('output.addPush')}
            </button>
          </form>
        ) : (
          <p class="quiet">{t('output.noUrls')}</p>
        )}
      </div>
    </section>
  );
}

/** How others send to this stream, watch it, and where else it goes. */
export function Share() {
  const name = useCell(state.streamName);
  const info = useCell(state.info);
  const input = useCell(state.stream)?.input;
  const root = (info?.publicUrl || location.origin).replace(/\/$/, '');
  return (
    <div class="share">
      <ObsCard base={`${root}/${name}`} input={input} />
      <WatchCard url={`${root}/watch/${name}`} />
      <Outputs base={`${root}/${name}`} />
    </div>
  );
}
