import { z } from '@hono/zod-openapi';
import { BadInput, TooMany } from '../errors.js';
import { jobInfo, recordingInfo, uploadInfo } from './answers.js';
import { Buckets, limitKey } from './limits.js';
import type { Parts } from './parts.js';
import { jobRequest } from './protocol.js';
import { type App, route } from './route.js';
import { sendFile } from './send-file.js';

const params = z.object({ id: z.string().min(1).max(160) });
const gone = { 204: { description: 'It is gone.' } } as const;

/** Videos that clients send. */
export function uploadRoutes(app: App, { uploads, settings }: Pick<Parts, 'uploads' | 'settings'>): void {
  const tag = 'Uploads';
  const { uploadsPerMinute } = settings.limits;
  const rate = new Buckets({ perSecond: uploadsPerMinute / 60, burst: uploadsPerMinute });
  route(
    app,
    {
      ...{ method: 'get', path: '/api/uploads', role: 'admin', tag, summary: 'List the uploaded videos' },
      answers: { 200: { description: 'All of them.', schema: z.object({ uploads: z.array(uploadInfo) }) } },
    },
    async (c) => c.json({ uploads: await uploads.list() }),
  );
  route(
    app,
    {
      ...{ method: 'post', path: '/api/uploads', role: 'admin', tag, summary: 'Upload a video' },
      description: 'The body is the file itself. Its id names it in jobs and as an input of a stream.',
      query: z.object({
        name: z.string().max(400).optional().openapi({ description: 'As its file is called.' }),
      }),
      raw: ['video/*', 'application/octet-stream'],
      answers: { 201: { description: 'It is kept.', schema: uploadInfo } },
    },
    async (c, { query: { name = 'video' } }) => {
      const wait = rate.take(limitKey(c.get('address')));
      if (wait > 0)
        throw new TooMany('Too many uploads came from this address.', { retryAfterS: Math.ceil(wait) });
      const { body } = c.req.raw;
      if (!body) throw new BadInput('The request has no body.', { hint: 'Send the video file as the body.' });
      const announced = c.req.header('content-length');
      const info = await uploads.receive(body, name, announced === undefined ? undefined : Number(announced));
      return c.json(info, 201);
    },
  );
  route(
    app,
    {
      ...{
        method: 'delete',
        path: '/api/uploads/{id}',
        role: 'admin',
        tag,
        params,
        summary: 'Forget an upload',
      },
      answers: gone,
    },
    async (c, { params: { id } }) => {
      await uploads.remove(id);
      return c.body(null, 204);
    },
  );
}

/** Transcodes. */
export function jobRoutes(app: App, { jobs, settings }: Pick<Parts, 'jobs' | 'settings'>): void {
  const tag = 'Jobs';
  route(
    app,
    {
      ...{
        method: 'get',
        path: '/api/jobs',
        role: 'admin',
        tag,
        summary: 'List the transcodes, the newest first',
      },
      answers: { 200: { description: 'All of them.', schema: z.object({ jobs: z.array(jobInfo) }) } },
    },
    (c) => c.json({ jobs: jobs.list() }),
  );
  route(
    app,
    {
      ...{ method: 'post', path: '/api/jobs', role: 'admin', tag, summary: 'Start a transcode' },
      body: { schema: jobRequest, maxBytes: settings.limits.jsonBytes },
      answers: { 202: { description: 'It waits for its turn.', schema: jobInfo } },
    },
    async (c, { body }) => {
      const job = await jobs.start(body);
      return c.json(job, 202, { Location: `/api/jobs/${job.id}` });
    },
  );
  route(
    app,
    {
      ...{ method: 'get', path: '/api/jobs/{id}', role: 'admin', tag, params, summary: 'Show a transcode' },
      answers: { 200: { description: 'The transcode.', schema: jobInfo } },
    },
    (c, { params: { id } }) => c.json(jobs.get(id)),
  );
  route(
    app,
    {
      ...{ method: 'delete', path: '/api/jobs/{id}', role: 'admin', tag, params },
      summary: 'End a transcode; forget one that is over, with its result',
      answers: { 200: { description: 'How it stood.', schema: jobInfo } },
    },
    async (c, { params: { id } }) => c.json(await jobs.cancel(id)),
  );
  route(
    app,
    {
      ...{
        method: 'get',
        path: '/api/jobs/{id}/output',
        role: 'admin',
        tag,
        params,
        summary: 'Fetch the result',
      },
      answers: { 200: { description: 'The painted video.', type: 'video/*' } },
    },
    (c, { params: { id } }) => {
      const { path, name, type } = jobs.output(id);
      return sendFile(c, path, { type, download: name, what: 'result' });
    },
  );
}

/** Recordings of streams. */
export function recordingRoutes(app: App, { recordings }: Pick<Parts, 'recordings'>): void {
  const tag = 'Recordings';
  route(
    app,
    {
      ...{ method: 'get', path: '/api/recordings', role: 'admin', tag, summary: 'List the recordings' },
      answers: {
        200: { description: 'The newest first.', schema: z.object({ recordings: z.array(recordingInfo) }) },
      },
    },
    async (c) => c.json({ recordings: await recordings.list() }),
  );
  route(
    app,
    {
      ...{
        method: 'get',
        path: '/api/recordings/{id}/file',
        role: 'admin',
        tag,
        params,
        summary: 'Fetch a recording',
      },
      answers: { 200: { description: 'The video.', type: 'video/*' } },
    },
    async (c, { params: { id } }) => {
      const { path, name, type } = await recordings.find(id);
      return sendFile(c, path, { type, download: name, what: 'recording' });
    },
  );
  route(
    app,
    {
      ...{ method: 'get', path: '/api/recordings/{id}/cues', role: 'admin', tag, params },
      summary: 'The changes that were made while it ran, as a cue list',
      answers: { 200: { description: 'The cue list.', schema: z.array(z.looseObject({})) } },
    },
    async (c, { params: { id } }) => {
      const { cues, info } = await recordings.find(id);
      const download = `${info.id}.cues.json`;
      return sendFile(c, cues, {
        type: 'application/json',
        download,
        what: 'cue list of this recording yet',
      });
    },
  );
  route(
    app,
    {
      ...{
        method: 'delete',
        path: '/api/recordings/{id}',
        role: 'admin',
        tag,
        params,
        summary: 'Delete a recording',
      },
      answers: gone,
    },
    async (c, { params: { id } }) => {
      await recordings.remove(id);
      return c.body(null, 204);
    },
  );
}
