/** What a daemon of a scenario has in the process table. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of the daemon whose state directory that is, or null where none has been. */
export function instanceOf(stateDir: string): string | null {
  try {
    return (JSON.parse(readFileSync(join(stateDir, 'identity.json'), 'utf8')) as { instance: string }).instance;
  } catch {
    return null;
  }
}

/** Processes that carry the mark of that daemon's engines, and their launchers. */
export function processesOf(instance: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(
      (pid) =>
        textOf(`/proc/${pid}/environ`).includes(`POOLD_INSTANCE=${instance}-`) || textOf(`/proc/${pid}/cmdline`).includes(`\0${instance}-`),
    );
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
