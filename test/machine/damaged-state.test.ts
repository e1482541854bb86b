/** First faults: the database is cut, has bytes flipped, or is an older one. Engines live on, numbers rise, what is lost is said. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { Dice } from '../sim/dice.ts';
import type { Files, Harm } from '../storage/damage.ts';
import { besideDatabase, brokenPromises, cuts, filesIn, flips, keptIn, putInto } from '../storage/damage.ts';
import { LEDGER_POOLS, Ledger } from '../storage/ledger.ts';
import { endRigsAfterEach } from './each.ts';
import { Rig } from './rig.ts';

endRigsAfterEach();

const FLIPS = 200;
const SEED = Number(process.env.POOLD_SEED ?? 1);
/** Of the harms that are noticed, so many go through a daemon; two more are older copies. */
const THROUGH_DAEMON = 10;

interface Scene {
  readonly rig: Rig;
  readonly ledger: Ledger;
  /** As it was two lives ago, and as it is. */
  readonly early: Files;
  readonly whole: Files;
  readonly epoch: number;
}

/** Three daemons have worked on it, all killed. */
async function scene(): Promise<Scene> {
  const rig = new Rig(LEDGER_POOLS);
  const ledger = new Ledger(rig, new Dice({ seed: SEED, only: null }).stream('damaged state'));
  const files: Files[] = [];
  for (const asks of [60, 60, 100]) {
    await rig.start();
    await rig.poolReaches('chat', 'running');
    for (let asked = 0; asked < asks; asked += 1) await ledger.ask();
    await rig.endDaemon('SIGKILL');
    files.push(filesIn(rig.path('state')));
  }
  const [early, , whole] = files;
  if (early === undefined || whole === undefined) throw new Error('there was no daemon');
  return { rig, ledger, early, whole, epoch: epochOf(rig) };
}

it(`a database cut at each page, and with bytes flipped in ${FLIPS} ways, is opened, and what is missing is said (seed ${SEED})`, {
  timeout: 240_000,
}, async () => {
  const { rig, ledger, early, whole, epoch } = await scene();
  const before = { held: ledger.ids(), epoch };
  // In memory: nothing of it is lost with the power of this machine.
  const directory = mkdtempSync('/dev/shm/poold-damaged-');
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const identity = readFileSync(rig.path('state/identity.json'));
  const harms = [...cuts(whole), ...flips(whole, { count: FLIPS, seed: SEED })];
  const noticed: Harm[] = [];
  for (const harm of harms) {
    besideDatabase(directory, rig.path('state'));
    putInto(directory, harm.files);
    const found = keptIn(directory);
    expect(brokenPromises(before, found), harm.name).toEqual([]);
    if (found.damage !== null) noticed.push(harm);
  }
  const sample = spread(noticed, THROUGH_DAEMON);
  expect(sample).toHaveLength(THROUGH_DAEMON);
  for (const harm of [...sample, { name: 'an older copy', files: early }]) {
    // Beside an older copy stands what was counted since; beside the others, what was counted till then.
    if (harm.files !== early) writeFileSync(rig.path('state/identity.json'), identity);
    putInto(rig.path('state'), harm.files);
    await liveEnginesThrough({ rig, ledger, before }, harm.name);
  }
  const journal = rig.text('journal').trimEnd().split('\n');
  expect(journal.filter((line) => line.startsWith('double'))).toEqual([]);
  const starts = journal.map((line) => line.split(' ').slice(0, 3).join(' '));
  expect(starts.toSorted()).toEqual([...new Set(starts)].toSorted());
  await rig.start();
  await rig.endsClean();
});

interface Living extends Pick<Scene, 'rig' | 'ledger'> {
  readonly before: { readonly held: readonly string[]; readonly epoch: number };
}

async function liveEnginesThrough({ rig, ledger, before }: Living, name: string): Promise<void> {
  const running = ['chat/0', 'chat/1'].map((id) => rig.members(id));
  const daemon = await rig.start();
  const { engines } = await rig.poolReaches('chat', 'running');
  expect(
    engines.map(({ pid }) => [pid]),
    name,
  ).toEqual(running);
  expect(rig.text('run/poold.pid')).toBe(`${daemon.pid}\n`);
  const leases = (await rig.client.leases.list({ pool: null, holder: null, olderMs: null })).map(({ id }) => id);
  const found = { epoch: epochOf(rig), damage: damageSaid(rig), leases, lost: await lostTold(rig) };
  expect(brokenPromises(before, found), name).toEqual([]);
  expect(found.damage, name).not.toBeNull();
  // The next one is given out above all of them.
  const granted = await rig.client.leases.acquire('chat', { holder: 'late', ttlMs: 1_000, waitMs: 0, priority: null, key: null });
  expect(granted.outcome === 'granted' && granted.token > ledger.highestToken, name).toBe(true);
  await rig.endDaemon('SIGKILL');
}

function epochOf(rig: Rig): number {
  return (JSON.parse(rig.text('state/identity.json')) as { epoch: number }).epoch;
}

function damageSaid(rig: Rig): string | null {
  const line = rig
    .daemonLog()
    .split('\n')
    .find((one) => one.includes('"level":"fatal"'));
  return line === undefined ? null : (JSON.parse(line) as { msg: string }).msg;
}

async function lostTold(rig: Rig): Promise<number> {
  let lost = 0;
  for await (const { is } of rig.client.events({ follow: false, since: '1h', type: 'lease.lost' })) if (is === 'event') lost += 1;
  return lost;
}

/** From the first to the last. */
function spread<T>(all: readonly T[], count: number): T[] {
  return all.filter((_, index) => Math.floor((index * count) / all.length) !== Math.floor(((index - 1) * count) / all.length));
}
