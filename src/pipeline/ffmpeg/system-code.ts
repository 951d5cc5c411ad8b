import type { Ended } from './process.js';

/** What the system says when a file cannot be written, in ffmpeg's words and as codes. */
const SYSTEM = [
  [/No space left on device/i, 'ENOSPC'],
  [/Disk quota exceeded/i, 'EDQUOT'],
  [/File too large/i, 'EFBIG'],
  [/Read-only file system/i, 'EROFS'],
  [/Permission denied/i, 'EACCES'],
  [/Input\/output error/i, 'EIO'],
] as const;

/** The system's error code of what kept ffmpeg from writing, if it says so. */
export const systemCode = ({ errors }: Ended): string | undefined =>
  SYSTEM.find(([words]) => errors.has(words))?.[1];
