/** Small files that others read. Whatever lies in their place or beside it, a link, a pipe, a flood, is neither followed, waited for nor taken in. */
import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';

const MAX_BYTES = 64 * 1024;

/** Writes a file beside `path`, to be renamed to it: a reader sees the old one or the new one. Returns its path; throws what the system says. */
export function writeBeside(path: string, text: string, mode: number): string {
  const beside = `${path}.new`;
  // ORDER: what lies there goes first, as O_EXCL then opens nothing but a file that is made now.
  rmSync(beside, { force: true });
  const fd = openSync(beside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
  try {
    fchmodSync(fd, mode);
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
  return beside;
}

/** Null when there is no regular file of a sensible size. */
export function readSmall(path: string): string | null {
  let fd: number | undefined;
  try {
    // O_NONBLOCK: a FIFO in its place must not stop the daemon until somebody writes to it.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > MAX_BYTES) return null;
    const buffer = Buffer.alloc(MAX_BYTES);
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, MAX_BYTES, 0));
  } catch {
    return null;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
