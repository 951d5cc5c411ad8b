import { useEffect } from 'preact/hooks';
import type { JobInfo } from '../../../src/server/protocol.js';
import { mainStyle } from '../actions.js';
import { useCell } from '../cell.js';
import { percent, t } from '../i18n/index.js';
import { cancelJob, draftJob, loadJobs, startJob, stopUpload } from '../jobs.js';
import { state } from '../state.js';
import { takeFile } from '../take-file.js';
import { AdminNote } from './admin-note.js';
import { Icon } from './icon.js';

const busy = ({ state: how }: JobInfo) => how === 'queued' || how === 'running';
const POLL_MS = 1000;

function Job({ job }: { job: JobInfo }) {
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
        <button type="button" class="plain" onClick={() => cancelJob(id)}>
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

function useJobs(): readonly JobInfo[] {
  const jobs = useCell(state.jobs);
  const active = jobs.some(busy);
  useEffect(() => void loadJobs(), []);
  useEffect(() => {
    if (!active) return;
    const timer = setInterval(loadJobs, POLL_MS);
    return () => clearInterval(timer);
  }, [active]);
  return jobs;
}

/** Whole videos, painted on the server. */
export function Videos() {
  const styles = useCell(state.styles);
  const look = useCell(state.look);
  const jobs = useJobs();
  const { file, style, sent } = useCell(state.job);
  const chosen = style || mainStyle(look);
  const begin = () =>
    startJob({
      style: chosen,
      strength: look.strength,
      keepColor: look.keepColor >= 0.5,
      steady: look.steady,
    });
  return (
    <div class="videos">
      <AdminNote />
      <div class="row wrap">
        <label class="file-button plain">
          <Icon name="file" />
          <span class="clip">{file?.name ?? t('job.choose')}</span>
          <input
            type="file"
            accept="video/*,.mkv"
            onChange={(event) => draftJob({ file: takeFile(event.currentTarget) ?? file })}
          />
        </label>
        <label class="inline">
          {t('job.style')}
          <select value={chosen} onChange={(event) => draftJob({ style: event.currentTarget.value })}>
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
            <button type="button" class="plain" onClick={stopUpload}>
              {t('cancel')}
            </button>
          </>
        )}
      </div>
      {jobs.length === 0 && <p class="quiet">{t('job.empty')}</p>}
      <ul class="job-list">
        {jobs.map((job) => (
          <Job key={job.id} job={job} />
        ))}
      </ul>
    </div>
  );
}
