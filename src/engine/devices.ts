/** Are the devices there that a replica was promised? A GPU that is missing must stop the start, never turn it into a slow one on the CPU. */
import { readdirSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import { runCommand } from './exec.ts';
import { findExecutable } from './executable.ts';

/** A driver that hangs is a device that is not there. */
const ASK_TIMEOUT_MS = 10_000;

/**
 * Null when all of `device` (`0`, `0,1`, `GPU-…`, `MIG-…`; null: any will do) are there, else what is missing. `nvidia-smi -L`, looked for in
 * the daemon's `searchPath`, has the word where it exists; else the nodes in /dev (NVIDIA's by number, AMD's kfd).
 */
export async function missingDevices(clock: Clock, device: string | null, searchPath: string): Promise<string | null> {
  const wanted = (device ?? '').split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]));
  const tool = findExecutable('nvidia-smi', searchPath, '/');
  if ('path' in tool) {
    const asked = await runCommand(clock, {
      argv: [tool.path, '-L'],
      env: { PATH: searchPath },
      cwd: '/',
      user: null,
      timeoutMs: ASK_TIMEOUT_MS,
    });
    if (asked.timedOut) return `nvidia-smi -L did not answer within ${ASK_TIMEOUT_MS / 1000} s: the driver may hang`;
    if (asked.code === 0) return missingIn(namesIn(asked.output), wanted, 'nvidia-smi -L');
  }
  return missingIn(nodes(), wanted, '/dev');
}

function missingIn(there: ReadonlySet<string>, wanted: readonly string[], source: string): string | null {
  if (there.size === 0) return `there is no GPU (${source} shows none)`;
  // What is no plain number cannot be seen from a node in /dev: a UUID is only judged where UUIDs are listed.
  const seesUuids = [...there].some((name) => name.includes('-'));
  const missing = wanted.filter((name) => (/^\d+$/.test(name) ? !there.has(name) : seesUuids && !startsOne(there, name)));
  return missing.length === 0 ? null : `device ${missing.join(', ')} is not there (${source} shows ${[...there].join(', ')})`;
}

/** CUDA takes any unique beginning of a UUID. */
function startsOne(there: ReadonlySet<string>, name: string): boolean {
  return [...there].some((one) => one.startsWith(name));
}

/** `GPU 0: NAME (UUID: GPU-8f…)` and, below it, `MIG 1g.5gb Device 0: (UUID: MIG-…)`. */
function namesIn(listing: string): Set<string> {
  const numbers = [...listing.matchAll(/^GPU (\d+):/gm)];
  const uuids = [...listing.matchAll(/\(UUID: ([^)]+)\)/g)];
  return new Set([...numbers, ...uuids].flatMap(([, name]) => name ?? []));
}

function nodes(): Set<string> {
  const names = readdirSync('/dev');
  const nvidia = names.flatMap((name) => /^nvidia(\d+)$/.exec(name)?.[1] ?? []);
  if (nvidia.length > 0 || !names.includes('kfd')) return new Set(nvidia);
  // The render nodes of an AMD host count from 128.
  return new Set(
    readdirSync('/dev/dri')
      .flatMap((name) => /^renderD(\d+)$/.exec(name)?.[1] ?? [])
      .map((node) => String(Number(node) - 128)),
  );
}
