/** First faults: a daemon dies, or meets an error, while it opens its store and brings an older one up to date; and one that is too new. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import type { Point } from '../storage/opening.ts';
import { makeNewer, makeOld, Opening, schemaOf } from '../storage/opening.ts';
import { through } from '../storage/strace.ts';
import { endRigsAfterEach } from './each.ts';
import { needs, Rig } from './rig.ts';

endRigsAfterEach();
beforeAll(() => needs('strace', 'strace'));

/** Between two statements nothing changes on the disk: what a death leaves is decided by the calls that write. `npm run storage` takes all. */
const EVERY = 8;

it('a store of an older poold is whole and up to date for the next one, wherever the first dies or meets an error', {
  timeout: 120_000,
}, () => {
  const home = mkdtempSync(join(tmpdir(), 'poold-opening-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const opening = new Opening(home);
  const points = opening.points().filter(({ call, nth }) => call !== 'pwrite64' || nth % EVERY === 1);
  expect(new Set(points.map(({ call }) => call)).size).toBe(5);
  for (const point of points) expect(opening.brokenBy(point, 'SIGKILL'), named(point)).toEqual([]);
  for (const point of points.filter((_, index) => index % 4 === 0)) expect(opening.brokenBy(point, 'EIO'), named(point)).toEqual([]);
});

function named({ call, nth }: Point): string {
  return `at ${call} number ${nth}`;
}

it('engines do not notice that the daemon dies while it brings its store up to date, or finds one that is too new', {
  timeout: 60_000,
}, async () => {
  const rig = new Rig({ chat: { engine: { command: ['sleep', '1000000'] }, replicas: 3, readyAfter: '0ms' } });
  await rig.start();
  const { engines } = await rig.poolReaches('chat', 'running');
  const pids = engines.map(({ pid }) => pid);
  await rig.endDaemon('SIGKILL');
  const processes = rig.processes();
  const state = rig.path('state');
  makeOld(state);
  const files = ['poold.db', 'poold.db-wal'].map((name) => join(state, name));
  rig.spawnDaemon({ through: through({ call: 'pwrite64', when: '5', as: 'SIGKILL', trace: rig.path('trace'), files }) });
  expect(await rig.daemonEnded(), rig.daemonLog()).toBeNull();
  expect(rig.processes()).toEqual(processes);
  await rig.start();
  expect((await rig.poolReaches('chat', 'running')).engines.map(({ pid }) => pid)).toEqual(pids);
  expect(schemaOf(join(state, 'poold.db.v1'))).toBe(1);
  await rig.endDaemon('SIGKILL');

  makeNewer(state);
  const bytes = contents(state);
  rig.spawnDaemon();
  expect(await rig.daemonEnded()).toBe(1);
  expect(rig.daemonLog()).toMatch(
    /^poold: cannot open .*poold\.db: a newer poold wrote it \(schema 99, this one knows \d+\); install that version again .*\n$/,
  );
  expect(contents(state)).toEqual(bytes);
  expect(rig.processes()).toEqual(processes);
});

function contents(state: string): string[] {
  return ['poold.db', 'identity.json', 'poold.db.v1'].map((name) => readFileSync(join(state, name)).toString('base64'));
}
