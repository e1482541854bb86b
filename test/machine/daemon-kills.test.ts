/** First faults: the daemon is killed again and again, at any moment, while twenty engines serve, crash and start. */
import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { pause, systemClock } from '../../src/clock.ts';
import { liveStat } from '../../src/engine/proc.ts';
import type { HistoryEntry } from '../../src/pool/host.ts';
import { endRigsAfterEach } from './each.ts';
import { Rig, until } from './rig.ts';

endRigsAfterEach();

const KILLS = 20;
const LONGEST_LIFE_MS = 1_500;
const ENDS = ['1', '3', 'KILL', '0', 'SEGV', 'TERM', '77'];
/** Printed with a failure; POOLD_SEED takes it up again. */
const SEED = Number(process.env.POOLD_SEED ?? Math.floor(systemClock.random() * 1e9));

const UNHELD = {
  restart: 'always',
  readyAfter: '100ms',
  backoff: { delay: '50ms', limit: '100ms' },
  breaker: { failureThreshold: 10_000 },
  restartLimit: { count: 100_000 },
  storm: { count: 100_000, window: '1s' },
};

interface Line {
  readonly what: string;
  readonly engine: string;
  readonly generation: number;
  readonly pid: number;
  readonly end: string | undefined;
}

it(`${KILLS} times SIGKILL with 20 engines: none is lost, doubled or restarted without cause (seed ${SEED})`, {
  timeout: 240_000,
}, async () => {
  const rig = new Rig({
    steady: { ...UNHELD, engine: { command: ['ENGINES/one-per-replica.sh', 'DIR'] }, replicas: 8 },
    crashing: { ...UNHELD, engine: { command: ['ENGINES/one-per-replica.sh', 'DIR', ...ENDS] }, replicas: 10 },
    web: {
      ...UNHELD,
      engine: { command: ['node', 'ENGINES/http-engine.mjs', '${port}'] },
      probes: { startup: { httpGet: { path: '/health' } }, liveness: { httpGet: { path: '/health' }, period: '500ms', timeout: '5s' } },
      replicas: 2,
    },
  });
  await rig.start();
  const survivors = [...(await rig.poolReaches('steady', 'running')).engines, ...(await rig.poolReaches('web', 'running')).engines];
  const random = randomFrom(SEED);
  for (let kill = 1; kill <= KILLS; kill += 1) {
    await pause(systemClock, random() * LONGEST_LIFE_MS);
    expect(await rig.endDaemon('SIGKILL')).toBeNull();
    for (const { id, pid } of survivors) expect(liveStat(pid ?? 0), `${id} lives after kill ${kill}`).not.toBeNull();
    // Some daemons are killed before they can be asked anything.
    if (kill % 2 === 0 && kill < KILLS) rig.spawnDaemon();
    else await rig.start();
  }

  writeFileSync(rig.path('calm'), '');
  for (const pool of ['steady', 'crashing', 'web']) {
    await until(`each engine of ${pool} is ready, and one process`, async () => {
      const { state, engines } = await rig.pool(pool);
      const wrong = engines.find(({ id, pid }) => String(rig.members(id)) !== String(pid));
      if (wrong !== undefined) throw new Error(`${wrong.id} is ${rig.members(wrong.id)}`);
      return state === 'running';
    });
  }
  for (const { id, pid } of survivors) expect(await rig.engine(id)).toMatchObject({ pid, generation: 1, lastExit: null });
  for (const pool of ['steady', 'web']) expect(await rig.pool(pool)).toMatchObject({ crashCount: 0, restartCount: 0 });
  const journal = journalOf(rig);
  expect(journal.filter(({ what }) => what === 'double')).toEqual([]);
  const history = await rig.client.history('crashing', { replica: null, limit: 1000 });
  for (let replica = 0; replica < 10; replica += 1) expectCauses(`crashing/${replica}`, journal, history);
  await rig.endsClean();
});

/** Each generation started once, and none before the end of the one before it, which is recorded as it was. */
function expectCauses(engine: string, journal: readonly Line[], history: readonly HistoryEntry[]): void {
  const own = journal.filter((line) => line.engine === engine);
  const starts = own.filter(({ what }) => what === 'start').map(({ generation }) => generation);
  expect(starts, `${engine} counts its generations up`).toEqual([...new Set(starts)].toSorted((one, other) => one - other));
  expect(starts.length, `${engine} has crashed`).toBeGreaterThan(1);
  let last: Line | null = null;
  for (const line of own) {
    if (line.what === 'start' && last !== null) {
      expect(last, `what came before generation ${line.generation} of ${engine}`).toMatchObject({ what: 'end', pid: last.pid });
      const entry = history.find(({ engine: id, generation }) => id === engine && generation === last?.generation);
      const end = last.end ?? '';
      expect(entry, `generation ${last.generation} of ${engine}`).toMatchObject(
        /^\d/.test(end) ? { code: Number(end), signal: null } : { code: null, signal: `SIG${end}` },
      );
      expect(entry?.lastLines.at(-1)).toBe(`last words of generation ${last.generation}`);
    }
    last = line;
  }
}

function journalOf(rig: Rig): Line[] {
  return rig
    .text('journal')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [what = '', engine = '', generation, pid, end] = line.split(' ');
      return { what, engine, generation: Number(generation), pid: Number(pid), end };
    });
}

/** Mulberry32: the same moments for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
