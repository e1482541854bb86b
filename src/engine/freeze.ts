/** Stops a whole engine for the moment in which its log is moved on a file system that cannot cut off the head of a file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { pause } from '../clock.ts';
import type { Identity } from './identity.ts';
import type { Tree } from './tree.ts';

const LOOK_MS = 2;
const LOOKS_MAX = 250;

/** Resolves when nothing of it runs any more, with what lets it go on. Throws when it could not be frozen; it runs on then. */
export async function freezeTree(parts: { readonly clock: Clock; readonly tree: Tree }, identity: Identity): Promise<() => Promise<void>> {
  const { clock, tree } = parts;
  const { cgroup } = identity;
  if (cgroup === null || !tree.owns(identity)) return stopMembers(tree, identity);
  const thaw = async (): Promise<void> => writeFileSync(join(cgroup, 'cgroup.freeze'), '0');
  writeFileSync(join(cgroup, 'cgroup.freeze'), '1');
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    if (/^frozen 1$/m.test(readFileSync(join(cgroup, 'cgroup.events'), 'utf8'))) return thaw;
    await pause(clock, LOOK_MS);
  }
  await thaw();
  throw new Error(`cannot freeze ${cgroup}: the kernel did not say that it is frozen`);
}

/** Lets a tree go on that a daemon had frozen when it was killed. */
export async function thawTree(tree: Tree, identity: Identity): Promise<void> {
  const { cgroup } = identity;
  if (cgroup !== null && tree.owns(identity)) writeFileSync(join(cgroup, 'cgroup.freeze'), '0');
  else for (const pid of await tree.members(identity)) sendOrSkip(pid, 'SIGCONT');
}

async function stopMembers(tree: Tree, identity: Identity): Promise<() => Promise<void>> {
  const members = await tree.members(identity);
  for (const pid of members) sendOrSkip(pid, 'SIGSTOP');
  return async () => {
    for (const pid of members) sendOrSkip(pid, 'SIGCONT');
  };
}

function sendOrSkip(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended, or is another user's: it writes no more, or nothing can be done about it.
  }
}
