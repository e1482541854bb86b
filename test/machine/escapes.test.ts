/** First faults: engines that get away or end badly, ten times each. After every end nothing of theirs is there, or the daemon says what is. */
import { chmodSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ProcessStat } from '../../src/engine/proc.ts';
import { liveStat } from '../../src/engine/proc.ts';
import type { Operation } from '../../src/pool/status.ts';
import { CONTAINMENTS } from '../engine/rig.ts';
import { endRigsAfterEach } from './each.ts';
import type { Escape } from './escapes.ts';
import { ESCAPES, poolOf, STOP_TIMEOUT_MS } from './escapes.ts';
import { closePidSpacesAfterEach, PidSpace } from './pid-space.ts';
import { needs, PATIENCE_MS, Rig, until } from './rig.ts';

endRigsAfterEach();
closePidSpacesAfterEach();

const ROUNDS = 10;
/** How much later than it has to be the end of a whole tree may be told: the median of a kind's rounds, where a core is there for whoever wants to run. */
const LATE_MS = 250;

/** As much more as there are more who want to run than cores: by the kernel's own average over a minute. */
function allowedMs(): number {
  const [wantToRun = 0] = loadavg();
  return LATE_MS * Math.max(1, wantToRun / availableParallelism());
}

beforeAll(() => {
  needs('perl', 'perl-base');
  needs('prlimit', 'util-linux');
  if (process.geteuid?.() !== 0) throw new Error('cannot run these tests as an ordinary user: become root');
});

describe.each(CONTAINMENTS)('under $name', ({ env }) => {
  it(`${ROUNDS} times each: all of it is gone in time`, { timeout: 120_000 }, async () => {
    const rig = new Rig(Object.fromEntries(ESCAPES.map((kind) => [kind.name, poolOf(kind)])));
    // The other users have to get through.
    chmodSync(rig.dir, 0o711);
    // A bomb has a lid there, and its dead do not count against its user for long.
    const space = await PidSpace.open();
    await rig.start({ env, through: space.through, asChild: true });
    const late = await Promise.all(ESCAPES.map(async (kind) => ({ name: kind.name, lateMs: await roundsOf(rig, kind) })));
    const figures = late.map(({ name, lateMs }) => ({ name, medianMs: median(lateMs), mostMs: Math.max(...lateMs) }));
    const lateness = figures.map(({ name, medianMs, mostMs }) => `${name}: median ${medianMs} ms late, at most ${mostMs} ms`).join('\n');
    console.log(lateness);
    const allowed = allowedMs();
    expect(
      figures.filter(({ medianMs }) => medianMs > allowed),
      `at most ${allowed} ms late:\n${lateness}`,
    ).toEqual([]);
    await rig.endsClean();
  });
});

/** How late the end of each round was. */
async function roundsOf(rig: Rig, kind: Escape): Promise<number[]> {
  const lateMs: number[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const end = kind.ends === 'told' ? await stopped(rig, kind, round) : await ended(rig, kind, round);
    lateMs.push(end);
    await until(`nothing is left of round ${round} of ${kind.name}`, () => expectNothingLeft(rig, kind.name));
  }
  return lateMs;
}

/** Started, seen to have got away, stopped. */
async function stopped(rig: Rig, kind: Escape, round: number): Promise<number> {
  const { name } = kind;
  const start = await acted(rig, name, 'start');
  expect(start, JSON.stringify(start)).toMatchObject({ state: 'succeeded', outcome: 'started' });
  const members = await until(`${name} has got away in round ${round}`, () => isOut(rig, kind, round));
  const stop = await acted(rig, name, 'stop');
  if (stop.state === 'failed') await saysStuck(rig, name, stop);
  else {
    // ORDER: looked at before anything else is asked: with the word that it is over all of it has to be gone.
    expect(members.filter(lives), `alive after ${name} was ${stop.outcome} in round ${round}`).toEqual([]);
    expect(rig.members(`${name}/0`), `processes of ${name} after round ${round}`).toEqual([]);
    // A machine that is busy may let the time run out for those who hear a TERM, too.
    expect(kind.isDeaf ? ['forced'] : ['stopped', 'forced'], JSON.stringify(stop)).toContain(stop.outcome);
    expect(await rig.pool(name)).toMatchObject({ state: 'stopped', reason: 'stopped_by_hand', live: false, crashCount: 0 });
    expect(await rig.ended(`${name}/0`, round)).toMatchObject({ class: 'requested', failure: false });
  }
  return Date.parse(stop.endedAt ?? '') - Date.parse(stop.startedAt) - STOP_TIMEOUT_MS;
}

/** Started, and it ends by itself: what it has left behind is ended without having been asked for. */
async function ended(rig: Rig, { name }: Escape, round: number): Promise<number> {
  const start = await acted(rig, name, 'start');
  expect(rig.members(`${name}/0`), `processes of ${name} after round ${round}`).toEqual([]);
  expect(start).toMatchObject({ state: 'failed' });
  const end = await rig.ended(`${name}/0`, round);
  expect(end).toMatchObject({ failure: true, code: name === 'instant' ? null : 0, signal: name === 'instant' ? 'SIGKILL' : null });
  expect(await rig.pool(name)).toMatchObject({ state: 'failed', live: false, crashCount: round });
  return Date.parse(start.endedAt ?? '') - Date.parse(end.at);
}

async function acted(rig: Rig, pool: string, what: 'start' | 'stop'): Promise<Operation> {
  const order = what === 'start' ? ({ do: what, replica: null } as const) : ({ do: what, replica: null, now: false } as const);
  const { id } = await rig.client.act(pool, order, null);
  return rig.client.operation(id, PATIENCE_MS);
}

function isOut(rig: Rig, { name, ready, isOut: out }: Escape, round: number): readonly ProcessStat[] | null {
  const id = `${name}/0`;
  const members = rig.members(id).flatMap((pid) => liveStat(pid) ?? []);
  const main = members.find(({ parentPid }) => rig.processesOf(id).includes(parentPid) && !members.some(({ pid }) => pid === parentPid));
  const log = rig.log(id).toString().split('\n');
  const isReady = ready === null || log.filter((line) => line.startsWith(ready)).length >= round;
  return main !== undefined && isReady && out(members, main) ? members : null;
}

function lives({ pid, startTicks }: ProcessStat): boolean {
  return liveStat(pid)?.startTicks === startTicks;
}

async function saysStuck(rig: Rig, pool: string, stop: Operation): Promise<void> {
  expect(stop.error).toMatchObject({ code: 'conflict', message: expect.stringContaining('it was killed and is still there') });
  expect(await rig.engine(`${pool}/0`)).toMatchObject({ state: 'stuck', reason: 'unkillable', live: true });
  await rig.reaches(`${pool}/0`, 'stopped');
}

/** Neither a process, the launcher among them, nor a leaf, nor a file that says there is an engine. */
function expectNothingLeft(rig: Rig, pool: string): true {
  const files = [`run/engines/${pool}-0.pid`, `run/engines/${pool}-0.json`].filter((file) => rig.has(file));
  expect([...files, ...rig.leaves().filter((leaf) => leaf.includes(`-${pool}-0-`)), ...rig.processesOf(`${pool}/0`)]).toEqual([]);
  return true;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}
