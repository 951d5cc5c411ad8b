import { resolve } from 'node:path';

/**
 * What ffmpeg may open for us. A file decides by its content which demuxer and decoders read it, and a playlist names
 * other files and hosts: so all three are allow-lists, and a file that asks for anything else is refused.
 */
const PROTOCOLS = 'file';

/** Containers that hold their own media. No playlists, no concat scripts, no device, picture or text formats. */
export const DEMUXERS: readonly string[] = ['mov', 'matroska', 'webm', 'avi', 'mpegts', 'mpeg', 'flv', 'ogg'];

/**
 * Names of decoders, not of codecs: a build has its own for some codecs. ffprobe opens one for each stream of a file,
 * also those that are only copied.
 */
const DECODERS = {
  video:
    'h264,hevc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,libaom-av1,mpeg4,mjpeg,png,mpeg1video,mpeg2video,h263,prores,' +
    'dnxhd,dvvideo,ffv1,huffyuv,theora,vc1,wmv3,rawvideo,flv',
  audio:
    'aac,aac_fixed,mp3,mp3float,mp2,mp2float,opus,libopus,vorbis,libvorbis,flac,alac,ac3,ac3_fixed,eac3,dca,truehd,' +
    'mlp,wmav2,wmapro,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,speex,libspeex,adpcm_ms,adpcm_ima_wav,' +
    'adpcm_ima_qt,pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,' +
    'pcm_mulaw,pcm_alaw,pcm_bluray,pcm_dvd',
  subtitle: 'mov_text,subrip,srt,ass,ssa,webvtt,text,pgssub,dvdsub,dvbsub,xsub',
};

/** 8K: 7680 x 4320. */
const MOST_PIXELS = 33_177_600;
const MOST_STREAMS = 64;
const PROBE_BYTES = 5_000_000;
const PROBE_MICROSECONDS = 5_000_000;

/** All of them, as FFmpeg's `codec_whitelist` takes them. */
export const allowedDecoders: string = Object.values(DECODERS).join(',');

/** Options before an input file that hold it to the allow-lists; ffmpeg 5.1 to 8, and ffprobe. */
export const allowedOnly: readonly string[] = [
  ...['-protocol_whitelist', PROTOCOLS],
  ...['-format_whitelist', DEMUXERS.join(',')],
  ...['-codec_whitelist', allowedDecoders],
  ...['-max_pixels', String(MOST_PIXELS)],
  ...['-max_streams', String(MOST_STREAMS)],
  ...['-probesize', String(PROBE_BYTES)],
  ...['-analyzeduration', String(PROBE_MICROSECONDS)],
];

/** A path as ffmpeg takes it for nothing but a path, whatever protocol it looks like. */
export const fileUrl = (path: string): string => `file:${resolve(path)}`;
