import { api, type JobWish } from './api.js';
import { needAdmin } from './may.js';
import { type JobDraft, state } from './state.js';
import { attempt } from './toast.js';

let uploading: AbortController | undefined;

export function draftJob(change: Partial<JobDraft>): void {
  state.job.value = { ...state.job.value, ...change };
}

/** Reads the list; it is an admin's, also one whom a cookie stands for. */
export async function loadJobs(): Promise<void> {
  if (state.info.value?.role !== 'admin') return;
  await attempt(async () => {
    const jobs = await api.jobs();
    state.jobs.value = [...jobs].sort((a, b) => b.created.localeCompare(a.created));
  });
}

export async function cancelJob(id: string): Promise<void> {
  if (!needAdmin()) return;
  await attempt(() => api.cancelJob(id));
  await loadJobs();
}

/** Uploads the video that is chosen and has it painted; goes on whatever the page shows meanwhile. */
export async function startJob(wish: Omit<JobWish, 'input'>): Promise<void> {
  const { file, sent } = state.job.value;
  if (!file || sent !== undefined || !needAdmin()) return;
  uploading = new AbortController();
  const { signal } = uploading;
  draftJob({ sent: 0 });
  const job = await attempt(async () => {
    const { id } = await api.upload(file, (share) => draftJob({ sent: share }), signal);
    return api.startJob({ ...wish, input: id });
  });
  // Another one may have been chosen meanwhile.
  draftJob({ sent: undefined, ...(job && state.job.value.file === file ? { file: undefined } : {}) });
  await loadJobs();
}

export const stopUpload = (): void => uploading?.abort();
