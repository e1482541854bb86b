/** Processes that talk to a NOTIFY_SOCKET, and the directories that the sockets lie in; all ended and removed after the test. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { PoolSpec } from '../../src/config/spec.ts';
import type { NotifySocketsOptions } from '../../src/engine/notify/notify-sockets.ts';
import { NotifySockets } from '../../src/engine/notify/notify-sockets.ts';
import { poolSpec } from '../engine/pool-spec.ts';

const TALKER = new URL('../engines/notifies.mjs', import.meta.url).pathname;

/** A pool whose engines say READY=1. */
export function notifyPool(user: string | null = null): PoolSpec {
  const spec = poolSpec({ user });
  return { ...spec, probes: { ...spec.probes, startup: { action: { by: 'notify' }, periodMs: 500, timeoutMs: 1_000 } } };
}

export function runtimeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'poold-notify-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function socketsIn(runtimeDir: string, more: Partial<NotifySocketsOptions> = {}): NotifySockets {
  const sockets = new NotifySockets({ clock: systemClock, runtimeDir, ...more });
  onTestFinished(() => sockets.close());
  return sockets;
}

/** Opens it, as for an engine that has to have one. */
export async function opened(sockets: NotifySockets, instance = 'i-chat-0-1', spec = notifyPool()) {
  const open = await sockets.open(spec, instance);
  if (open === null) throw new Error('datagrams cannot be received here');
  return open;
}

export interface Talker {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Resolves when it has printed that. */
  says(words: string): Promise<void>;
}

/** test/engines/notifies.mjs, with these words to say. */
export function talker(socketPath: string, words: readonly string[], as: { readonly uid?: number; readonly gid?: number } = {}): Talker {
  const child = spawn(process.execPath, [TALKER, '-', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, NOTIFY_SOCKET: socketPath },
    ...as,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  return {
    child,
    pid: child.pid ?? 0,
    says: (wanted) => vi.waitFor(() => expect(text).toContain(wanted), { timeout: 10_000, interval: 5 }),
  };
}
