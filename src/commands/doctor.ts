import type { Command } from 'commander';
import { folders } from '../config.js';
import { codeOf, LivebrushError } from '../errors.js';
import { print } from '../log.js';

/** `ok`; `note`: works without it; `bad`: what most people want does not work. */
type State = 'ok' | 'note' | 'bad';

interface Finding {
  readonly area: string;
  readonly name: string;
  readonly state: State;
  readonly detail: string;
  /** What to do about it. */
  readonly hint?: string;
  /** Whether painting with the defaults works without it, bad as it is. */
  readonly spare?: boolean;
}

const LEAST_FREE_BYTES = 1e9;

async function machine(): Promise<Finding[]> {
  const { cpus, totalmem } = await import('node:os');
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const recent = major > 20 || (major === 20 && minor >= 19);
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  return [
    {
      area: 'machine',
      name: 'Node',
      state: recent ? 'ok' : 'bad',
      detail: process.version,
      hint: recent ? undefined : 'Livebrush needs Node 20.19 or newer.',
    },
    {
      area: 'machine',
      name: 'processor',
      state: 'ok',
      detail: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${memory}, ${process.platform} ${process.arch}`,
    },
  ];
}

async function engines(): Promise<Finding[]> {
  const { probeEngines } = await import('../models/engines/index.js');
  return (await probeEngines()).map(({ name, present, device, software, why, hint }) => ({
    area: 'engines',
    name,
    state: present ? 'ok' : name === 'onnx/cpu' ? 'bad' : 'note',
    detail: present
      ? `${device ?? 'present'}${software ? ' (imitated in software: slow)' : ''}`
      : (why ?? 'not present'),
    hint: present ? undefined : hint,
  }));
}

async function media(signal: AbortSignal): Promise<Finding[]> {
  const [{ probeCodecs }, { findFfmpeg }] = await Promise.all([
    import('../pipeline/codec/probe.js'),
    import('../pipeline/ffmpeg/tool.js'),
  ]);
  const codecs = await probeCodecs();
  const found: Finding[] = [
    {
      area: 'media',
      name: 'node-av',
      state: codecs.present && codecs.missing.length === 0 ? 'ok' : codecs.present ? 'note' : 'bad',
      detail: codecs.present
        ? `FFmpeg ${codecs.version}; encoders ${codecs.encoders.join(', ')}${codecs.missing.length ? `; without ${codecs.missing.join(', ')}` : ''}`
        : (codecs.why ?? 'not present'),
      hint: codecs.present ? undefined : 'Use the ffmpeg of this system: --media ffmpeg.',
    },
  ];
  if (codecs.present) found.push(await hardwareCodecs(signal));
  try {
    const { version } = await findFfmpeg();
    found.push({ area: 'media', name: 'ffmpeg', state: 'ok', detail: `${version} (for --media ffmpeg)` });
  } catch (error) {
    if (!(error instanceof LivebrushError)) throw error;
    found.push({ area: 'media', name: 'ffmpeg', state: 'note', detail: error.message, hint: error.hint });
  }
  return found;
}

/** Which codecs in hardware got a short film through. */
async function hardwareCodecs(signal: AbortSignal): Promise<Finding> {
  const { probeHardware } = await import('../pipeline/codec/hardware/probe.js');
  const able = (await probeHardware({ signal })).flatMap(({ name, file, live, decodes }) => {
    const what = [file && 'files', live && 'live', decodes && 'decoding'].filter(Boolean);
    return what.length > 0 ? [`${name} (${what.join(', ')})`] : [];
  });
  const about = { area: 'media', name: 'hardware' };
  if (able.length === 0) return { ...about, state: 'note', detail: 'no H.264 in hardware: software does it' };
  const hint = 'Software codes unless told: transcode --hardware auto, or media.hardware in livebrush.yaml.';
  return { ...about, state: 'ok', detail: able.join('; '), hint };
}

async function models(): Promise<Finding[]> {
  const { checkModels, DEFAULT_MODEL } = await import('../models/models.js');
  const found = (await checkModels()).map(({ name, path, entry, problem }): Finding => {
    if (!entry) {
      const hint = `Install the package anew, or remove ${path} where it is yours.`;
      const detail = problem?.message ?? '';
      return { area: 'models', name, state: 'bad', detail, hint, spare: name !== DEFAULT_MODEL };
    }
    const { transform, date, licence } = entry.card;
    const size = `${(entry.bytes / 1e6).toFixed(1)} MB`;
    const detail = `base ${transform.base}, ${size}, ${entry.source}, ${date}, ${licence}`;
    return { area: 'models', name, state: 'ok', detail };
  });
  if (found.some(({ name }) => name === DEFAULT_MODEL)) return found;
  const hint = 'Install the package anew, or train a model: livebrush train meta --help.';
  const detail = `There is none in ${folders.models}.`;
  return [{ area: 'models', name: DEFAULT_MODEL, state: 'bad', detail, hint }, ...found];
}

/** Whether a folder, or the nearest one above it that exists, can be written, and how much room it has. */
async function folder(name: string, path: string): Promise<Finding> {
  const { access, constants, statfs } = await import('node:fs/promises');
  const { dirname } = await import('node:path');
  for (let at = path; ; at = dirname(at)) {
    try {
      await access(at, constants.W_OK);
      const { bavail, bsize } = await statfs(at);
      const free = bavail * bsize;
      const tight = free < LEAST_FREE_BYTES;
      const detail = `${path}, ${(free / 1e9).toFixed(1)} GB free`;
      return {
        area: 'folders',
        name,
        state: tight ? 'note' : 'ok',
        detail,
        hint: tight ? 'Make room.' : undefined,
      };
    } catch (error) {
      if (codeOf(error) === 'ENOENT' && at !== dirname(at)) continue;
      const hint = `Set LIVEBRUSH_${name.toUpperCase()} to a folder that can be written.`;
      return { area: 'folders', name, state: 'note', detail: `${path} cannot be written.`, hint };
    }
  }
}

const marks: Readonly<Record<State, string>> = { ok: '✓', note: '–', bad: '✗' };

function show(findings: readonly Finding[]): void {
  const width = Math.max(...findings.map(({ name }) => name.length));
  for (const [i, { area, name, state, detail, hint }] of findings.entries()) {
    if (area !== findings[i - 1]?.area) print(`${i ? '\n' : ''}${area}`);
    print(`  ${marks[state]} ${name.padEnd(width)}  ${detail}`);
    if (hint) print(`    ${' '.repeat(width)}  → ${hint}`);
  }
  const bad = findings.filter(({ state }) => state === 'bad').length;
  print(`\n${bad ? `${bad} of these need attention.` : 'Livebrush can paint on this machine.'}`);
}

/** `livebrush doctor`: what is present and working, and what to do about what is not. */
export const doctor = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('doctor')
    .summary('say what works on this machine')
    .description(
      'Looks at Node, engines and their devices, codecs, ffmpeg, models and folders, and says what to do about what is ' +
        'missing. Exit code 1 if painting with the defaults cannot work.',
    )
    .option('--json', 'print one JSON object')
    .action(async ({ json }: { json?: boolean }) => {
      const findings: Finding[] = [];
      for (const look of [machine, engines, media, models]) {
        signal.throwIfAborted();
        findings.push(...(await look(signal)));
      }
      findings.push(await folder('cache', folders.cache), await folder('home', folders.home));
      const ok = findings.every(({ state, spare }) => state !== 'bad' || spare);
      if (json) print(JSON.stringify({ ok, findings }));
      else show(findings);
      if (!ok) process.exitCode = 1;
    });
};
