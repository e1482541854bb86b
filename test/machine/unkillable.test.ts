/** First faults: an engine that KILL does not end, held up on its way out by a tracer, as a device in trouble would in the kernel. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { liveStat } from '../../src/engine/proc.ts';
import { CONTAINMENTS } from '../engine/rig.ts';
import { endRigsAfterEach } from './each.ts';
import { PATIENCE_MS, Rig, ROOT, until } from './rig.ts';

endRigsAfterEach();

const holders = new Set<ChildProcess>();
afterEach(() => {
  for (const holder of holders) letGo(holder);
});

/** Nothing ends that process from now on until it is let go of. */
async function held(pid: number): Promise<ChildProcess> {
  const holder = spawn(process.execPath, [join(ROOT, 'test/engines/holds-death.mjs'), String(pid)], { stdio: ['pipe', 'pipe', 'inherit'] });
  holders.add(holder);
  const [said] = (await once(holder.stdout, 'data')) as [Buffer];
  expect(said.toString()).toBe('held\n');
  return holder;
}

function letGo(holder: ChildProcess): void {
  holder.stdin?.end();
  holders.delete(holder);
}

it('is said to be stuck, keeps its place, and is over as soon as it is gone: under both containments', { timeout: 120_000 }, async () => {
  await Promise.all(CONTAINMENTS.map(({ env }) => expectStuck(env)));
});

async function expectStuck(env: NodeJS.ProcessEnv): Promise<void> {
  const rig = new Rig({ held: { engine: { command: ['sleep', '1000'] }, readyAfter: '50ms', stop: { timeout: '300ms' } } });
  await rig.start({ env: { ...env } as Record<string, string> });
  await rig.reaches('held/0', 'ready');
  const pid = await rig.pid('held/0');
  const holder = await held(pid);

  const { id } = await rig.client.act('held', { do: 'stop', replica: null, now: false }, null);
  const stop = await rig.client.operation(id, PATIENCE_MS);
  expect(stop).toMatchObject({
    state: 'failed',
    error: { code: 'conflict', message: expect.stringContaining('it was killed and is still there') },
  });
  expect(await rig.engine('held/0')).toMatchObject({ state: 'stuck', reason: 'unkillable', live: true, pid });
  expect(rig.daemonLog()).toContain('"event":"engine.stuck"');
  expect(liveStat(pid)).not.toBeNull();
  expect(rig.text('run/engines/held-0.pid')).toBe(`${pid}\n`);

  // Whoever wants it back is told, and the next daemon knows as much as this one.
  const { id: asked } = await rig.client.act('held', { do: 'start', replica: null }, null);
  const start = await rig.client.operation(asked, PATIENCE_MS);
  expect(start).toMatchObject({
    state: 'failed',
    error: { code: 'conflict', message: expect.stringContaining('nothing is started beside it') },
  });
  await rig.endDaemon('SIGKILL');
  await rig.start({ env: { ...env } as Record<string, string> });
  expect(await rig.engine('held/0')).toMatchObject({ state: 'stuck', generation: 1, pid });
  expect(rig.members('held/0')).toEqual([pid]);

  letGo(holder);
  const next = await rig.reaches('held/0', 'ready', 1);
  expect(await rig.ended('held/0', 1)).toMatchObject({ class: 'requested', signal: 'SIGKILL', failure: false });
  await until('only the next engine is there', () => rig.members('held/0').join() === String(next.pid));
  await rig.endsClean();
}
