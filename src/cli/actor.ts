/** Who types. */
import { readlinkSync } from 'node:fs';
import { userInfo } from 'node:os';

/** `ann@pts/3`: who sits where, as far as poolctl can tell; the daemon marks it as claimed. */
export function actor(): string {
  return `${userName()}@${terminal()}`.replaceAll(/[^\x21-\x7e]/g, '?').slice(0, 128);
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A uid without an entry in passwd, as in a container.
    return String(process.getuid?.() ?? 'unknown');
  }
}

function terminal(): string {
  try {
    return process.stdin.isTTY ? readlinkSync('/proc/self/fd/0').replace(/^\/dev\//, '') : 'notty';
  } catch {
    return 'notty';
  }
}
