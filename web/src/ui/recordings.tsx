import { useEffect, useState } from 'preact/hooks';
import type { RecordingInfo } from '../../../src/server/protocol.js';
import { toggleRecord } from '../actions.js';
import { api } from '../api.js';
import { useCell } from '../cell.js';
import { bytes, clock, moment, t } from '../i18n/index.js';
import { needAdmin } from '../may.js';
import { state } from '../state.js';
import { attempt } from '../toast.js';
import { AdminNote } from './admin-note.js';
import { IconButton } from './button.js';
import { Icon } from './icon.js';

/** How often the list is read while something is recorded. */
const POLL_MS = 2000;

/** A link that downloads; where a token is needed, the cookie that stands for it goes along. */
function Download({ url, name, label }: { url: string; name: string; label: string }) {
  return (
    <a class="text-button" href={url} download={name}>
      <Icon name="download" />
      {label}
    </a>
  );
}

function Row({ recording, refresh }: { recording: RecordingInfo; refresh: () => void }) {
  const { id, stream, what, began, seconds, running } = recording;
  return (
    <li class="recording">
      <span class={running ? 'dot failed' : 'dot'} />
      <span class="grow">
        <strong>{moment(began)}</strong> <span class="quiet">{stream}</span>
        <br />
        <span class="quiet number">
          {t(`record.${what}`)} · {clock(seconds)} · {bytes(recording.bytes)}
        </span>
      </span>
      {!running && <Download url={recording.url} name={`${stream}-${id}`} label={t('record.video')} />}
      <Download url={recording.cues} name={`${stream}-${id}.cues.json`} label={t('record.cues')} />
      {!running && (
        <IconButton
          label={t('record.remove')}
          icon="trash"
          onClick={() => {
            if (needAdmin() && confirm(t('record.removeSure', { name: moment(began) })))
              void attempt(() => api.removeRecording(id)).then(refresh);
          }}
        />
      )}
    </li>
  );
}

/** Recordings of this server, the newest first. */
export function Recordings() {
  const outputs = useCell(state.stream)?.outputs ?? [];
  const [list, setList] = useState<readonly RecordingInfo[]>([]);
  const [what, setWhat] = useState<'painted' | 'source'>('painted');
  const states = outputs.filter(({ kind }) => kind === 'record').map(({ state: how }) => how);
  const running = states.some((how) => how !== 'ended' && how !== 'failed');
  // Listing them takes an admin, also one whom a cookie stands for.
  const refresh = () =>
    state.info.value?.role === 'admin' &&
    attempt(async () =>
      setList([...(await api.recordings())].sort((a, b) => b.began.localeCompare(a.began))),
    );
  useEffect(() => {
    void refresh();
    const timer = running ? setInterval(refresh, POLL_MS) : undefined;
    return () => clearInterval(timer);
  }, [states.join()]);
  return (
    <div class="recordings">
      <AdminNote />
      <div class="row wrap">
        <button type="button" class={running ? 'stop' : 'primary'} onClick={() => toggleRecord(what)}>
          <Icon name={running ? 'stop' : 'record'} fill />
          {running ? t('record.stop') : t('record.start')}
        </button>
        <select
          aria-label={t('record.what')}
          value={what}
          onChange={(event) => setWhat(event.currentTarget.value as typeof what)}
        >
          <option value="painted">{t('record.painted')}</option>
          <option value="source">{t('record.source')}</option>
        </select>
        <span class="quiet">{what === 'source' && t('record.sourceHint')}</span>
      </div>
      {list.length === 0 && <p class="quiet">{t('record.empty')}</p>}
      <ul class="recording-list">
        {list.map((recording) => (
          <Row key={recording.id} recording={recording} refresh={refresh} />
        ))}
      </ul>
    </div>
  );
}
