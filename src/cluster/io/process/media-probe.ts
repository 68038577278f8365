// Runs ffprobe, where it is installed, on a URL of this process. It may open nothing but that: no other protocol, and no format
// that names further files.

import { execFile } from 'node:child_process';
import type { MediaProbe } from '../../ports.ts';

const TIME_MS = 30_000;
const BYTES_MAX = 1024 * 1024;
/** Formats whose content is in the file itself: lists of files, such as of HLS, would have ffprobe fetch what they name. */
const FORMATS =
  'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,asf,mpeg,mpegts,mp3,aac,wav,aiff,flac,ogg,amr,ape,caf,gif,jpeg_pipe,png_pipe,webp_pipe,bmp_pipe,tiff_pipe,image2pipe';

export const mediaProbe: MediaProbe = (url, callback) => {
  const words = [
    ...['-v', 'error', '-print_format', 'json', '-show_format', '-show_streams'],
    ...['-protocol_whitelist', 'http,tcp', '-format_whitelist', FORMATS],
    url,
  ];
  const options = { timeout: TIME_MS, maxBuffer: BYTES_MAX, killSignal: 'SIGKILL' } as const;
  execFile('ffprobe', words, options, (error, stdout) => {
    if (error === null) return callback({ kind: 'told', json: stdout });
    if (error.code === 'ENOENT') return callback({ kind: 'not-installed' });
    if (error.killed === true) return callback({ kind: 'late' });
    return callback({ kind: 'no-media' });
  });
};
