/** Daemon and poolctl are started a thousand times: what Node makes of their files is kept, which halves the work of a start. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const POOLD = resolve(import.meta.dirname, '../../bin/poold');
const COMPILED = join(tmpdir(), `poold-features-compiled-${process.getuid?.()}`);

export const withCompiled = { NODE_COMPILE_CACHE: COMPILED } as const;

/** Node writes it when a process ends of itself, which daemons of scenarios hardly ever do: one does so here. */
export async function compiled(): Promise<void> {
  if (existsSync(COMPILED)) return;
  const dir = mkdtempSync(join(tmpdir(), 'poold-feature-'));
  writeFileSync(join(dir, 'poold.yaml'), 'pools: {}\n');
  const args = ['run', '--config', join(dir, 'poold.yaml'), '--state-dir', join(dir, 'state'), '--runtime-dir', join(dir, 'run')];
  const daemon = spawn(process.execPath, [POOLD, ...args], { stdio: 'ignore', env: { ...process.env, ...withCompiled } });
  const ended = once(daemon, 'exit');
  while (daemon.exitCode === null && !existsSync(join(dir, 'run/api.sock'))) await setTimeout(20);
  daemon.kill('SIGTERM');
  await ended;
  rmSync(dir, { recursive: true, force: true });
}
