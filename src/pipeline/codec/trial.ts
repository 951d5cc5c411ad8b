import type { Stream } from 'node-av/lib';
import type { Container } from '../containers.js';
import { storable } from '../storable.js';
import type { Av } from './av.js';

/**
 * Whether a stream can be copied into a kind of file and is likely to be heard there: asked by writing the header of
 * one that goes nowhere, too.
 */
export async function canHold(av: Av, container: Container, stream: Stream): Promise<boolean> {
  if (!storable(container, av.avGetCodecName(stream.codecpar.codecId) ?? '')) return false;
  const format = new av.FormatContext();
  if (format.allocOutputContext2(null, container.format, null) < 0) return false;
  const nowhere = new av.IOContext();
  try {
    nowhere.allocContextWithCallbacks(
      4096,
      1,
      null,
      (bytes) => bytes.length,
      () => 0n,
    );
    format.pb = nowhere;
    const copy = format.newStream(null);
    stream.codecpar.copy(copy.codecpar);
    if (stream.codecpar.codecType !== av.C.AVMEDIA_TYPE_DATA) copy.codecpar.codecTag = 0;
    copy.timeBase = stream.timeBase;
    copy.disposition = stream.disposition;
    return (await format.writeHeader(null)) >= 0;
  } finally {
    format.pb = null;
    format.freeContext();
    nowhere.freeContext();
  }
}
