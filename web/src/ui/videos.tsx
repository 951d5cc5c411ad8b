import { useEffect, useRef, useState } from 'preact/hooks';
import type { JobInfo } from '../../../src/server/protocol.js';
import { mainStyle } from '../actions.js';
import { api } from '../api.js';
import { useCell } from '../cell.js';
import { percent, t } from '../i18n/index.js';
import { state } from '../state.js';
import { attempt } from '../toast.js';
import { Icon } from './icon.js';

const busy = ({ state: how }: JobInfo) => how === 'queued' || how === 'running';
const POLL_MS = 1000;

function Job({ job, refresh }: { job: JobInfo; refresh: () => void }) {
  const { id, input, state: how, frames, total, fps, output, problem } = job;
  const share = how === 'done' ? 1 : total ? Math.min(1, frames / total) : undefined;
  return (
    <li class="job">
      <span class="grow">
        <strong class="break">{input}</strong>
        <progress aria-label={input} value={share} max={1} />
        <span class="quiet number">
          {t(`job.${how}`)}
          {share !== undefined && how === 'running' && ` · ${percent(share)}`}
          {how === 'running' && ` · ${fps.toFixed(1)} fps`}
          {problem && ` · ${problem}`}
        </span>
      </span>
      {busy(job) && (
        <button type="button" class="plain" onClick={() => attempt(() => api.cancelJob(id)).then(refresh)}>
          {t('cancel')}
        </button>
      )}
      {output && (
        <a class="text-button" href={output} download>
          <Icon name="download" />
          {t('download')}
        </a>
      )}
    </li>
  );
}

function useJobs(): [readonly JobInfo[], () => void] {
  const [jobs, setJobs] = useState<readonly JobInfo[]>([]);
  const refresh = () => void attempt(async () => setJobs(await api.jobs()));
  const active = jobs.some(busy);
  useEffect(refresh, []);
  useEffect(() => {
    if (!active) return;
    const timer = setInterval(refresh, POLL_MS);
    return () => clearInterval(timer);
  }, [active]);
  return [[...jobs].sort((a, b) => b.created.localeCompare(a.created)), refresh];
}

/** Whole videos, painted on the server. */
export function Videos() {
  const styles = useCell(state.styles);
  const look = useCell(state.look);
  const [jobs, refresh] = useJobs();
  const [style, setStyle] = useState('');
  const [file, setFile] = useState<File>();
  const [sent, setSent] = useState<number>();
  const upload = useRef<AbortController>(undefined);
  const chosen = style || mainStyle(look);
  const begin = async () => {
    if (!file) return;
    upload.current = new AbortController();
    setSent(0);
    const job = await attempt(async () => {
      const { id } = await api.upload(file, setSent, upload.current?.signal);
      return api.startJob({
        input: id,
        style: chosen,
        strength: look.strength,
        keepColor: look.keepColor >= 0.5,
        steady: look.steady,
      });
    });
    setSent(undefined);
    if (job) setFile(undefined);
    refresh();
  };
  return (
    <div class="videos">
      <div class="row wrap">
        <label class="file-button plain">
          <Icon name="file" />
          <span class="clip">{file?.name ?? t('job.choose')}</span>
          <input
            type="file"
            accept="video/*,.mkv"
            onChange={(event) => setFile(event.currentTarget.files?.[0])}
          />
        </label>
        <label class="inline">
          {t('job.style')}
          <select value={chosen} onChange={(event) => setStyle(event.currentTarget.value)}>
            {styles.map(({ name, title }) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
        {sent === undefined ? (
          <button type="button" class="primary" disabled={!file || !chosen} onClick={begin}>
            <Icon name="brush" />
            {t('job.start')}
          </button>
        ) : (
          <>
            <progress aria-label={t('job.uploading')} value={sent} max={1} />
            <span class="quiet number">
              {t('job.uploading')} {percent(sent)}
            </span>
            <button type="button" class="plain" onClick={() => upload.current?.abort()}>
              {t('cancel')}
            </button>
          </>
        )}
      </div>
      {jobs.length === 0 && <p class="quiet">{t('job.empty')}</p>}
      <ul class="job-list">
        {jobs.map((job) => (
          <Job key={job.id} job={job} refresh={refresh} />
        ))}
      </ul>
    </div>
  );
}
