/** What the daemon was given open by whoever started it. */
import { closeSync, readdirSync, readFileSync } from 'node:fs';

/** Octal, in `flags` of /proc/PID/fdinfo: closed at exec. */
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Closes every descriptor above 2 that would outlive an exec. Node opens all of its own so that they do not, and marks the first 16 it finds;
 * one beyond those (a shell's, a build server's pipe) would be passed on to every engine, and keep its other end waiting for as long as any lives.
 * ORDER: before anything else is opened.
 */
export function closeInherited(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name);
    if (fd > 2 && isPassedOn(name)) closeSync(fd);
  }
}

function isPassedOn(name: string): boolean {
  try {
    const [, flags = ''] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'utf8')) ?? [];
    return flags !== '' && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    return false; // The one that the directory was read by.
  }
}
