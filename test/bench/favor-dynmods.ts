/** The mount option of cgroup v2 by which a process that enters a cgroup waits for no grace period of RCU. Kernels from 6.0 on; it holds for the machine. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Null when the mount can be changed here. */
export function lackOfFavor(): string | null {
  const { point, options } = mounted();
  if (point === null) return 'not run: no cgroup v2 is mounted';
  if (options.includes('favordynmods')) return 'not run: it is mounted so already, and the others ran with it';
  const problem = favor(true);
  return problem === null ? favor(false) : `not run: ${problem}`;
}

/** What went wrong, or null. */
export function favor(on: boolean): string | null {
  const { point } = mounted();
  const args = ['-i', '-t', 'cgroup2', '-o', on ? 'remount,rw,favordynmods' : 'remount,rw', 'cgroup2', point ?? ''];
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  return status === 0 ? null : stderr.trim();
}

function mounted(): { readonly point: string | null; readonly options: readonly string[] } {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const [, point = null, , options = ''] = lines.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2') ?? [];
  return { point, options: options.split(',') };
}
