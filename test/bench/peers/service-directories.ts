/** runit and s6: a directory with a `run` script per program, and one process per program that waits for it. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Group, Peer, Running } from './peer.ts';
import { foreground, lackOf, namesIn, peerDirectory, versionOf } from './peer.ts';

export const runit: Peer = {
  name: `runit ${versionOf('runit')}`,
  lacks: lackOf('runsvdir', 'runit'),
  start: async (groups) => started(groups, { name: 'runit', argv: (dir) => ['runsvdir', dir], endSignal: 'SIGHUP' }),
};

export const s6: Peer = {
  name: `s6 ${versionOf('s6')}`,
  lacks: lackOf('s6-svscan', 's6'),
  // It takes 500 unless told.
  start: async (groups) => started(groups, { name: 's6', argv: (dir) => ['s6-svscan', '-c', '2000', dir], endSignal: 'SIGTERM' }),
};

function started(
  groups: readonly Group[],
  how: { readonly name: string; readonly argv: (dir: string) => readonly string[]; readonly endSignal: NodeJS.Signals },
): Running {
  const dir = peerDirectory(how.name);
  for (const { name, argv } of namesIn(groups)) {
    const run = join(dir, name, 'run');
    mkdirSync(join(dir, name));
    writeFileSync(run, `#!/bin/sh\nexec ${argv.join(' ')}\n`);
    chmodSync(run, 0o755);
  }
  const own = foreground({ dir, argv: how.argv(dir), endSignal: how.endSignal });
  return { ...own, logs: null, follow: null, call: null, saysAllRun: null, decidedMs: null };
}
