/** SIGKILL of an engine → first act of its successor, for several supervisors in turns. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause, systemClock } from '../../src/clock.ts';
import { until } from '../machine/rig.ts';
import { favor, lackOfFavor } from './favor-dynmods.ts';
import { byValue, median, ratio, spread, table } from './figures.ts';
import type { Part } from './part.ts';
import type { Peer, Running } from './peers/peer.ts';
import { pm2 } from './peers/pm2.ts';
import { poold } from './peers/poold.ts';
import { runit, s6 } from './peers/service-directories.ts';
import { shellLoop } from './peers/shell-loop.ts';
import { supervisord } from './peers/supervisord.ts';
import type { Stamp } from './stamps.ts';
import { lastStamp, STAMPS_ENGINE } from './stamps.ts';

const KILLS = Number(process.env.POOLD_BENCH_KILLS ?? 21);
/** runit and s6 hold an engine back that lived for less than a second. */
const LIFE_MS = 1_200;

const OWN = { engine: { env: { PORT: '${port}' } } };
/** Of the machine and for all, so it is switched on for this one's kills only. */
const FAVORED: Peer = { ...poold({ ...OWN, name: 'poold, cgroup2 mounted with `favordynmods`' }), lacks: lackOfFavor() };
const PEERS: readonly Peer[] = [
  poold(OWN),
  FAVORED,
  poold({ ...OWN, name: 'poold, weak containment', env: { POOLD_CONTAINMENT: 'weak' } }),
  runit,
  pm2,
  s6,
  supervisord,
  shellLoop,
];

interface Competitor {
  readonly name: string;
  readonly stamps: string;
  readonly running: Running;
  /** One for each kill, in milliseconds. */
  readonly delaysMs: number[];
  /** From the kill to the decision to start: end noticed, tree empty, logs read, end stored. None where it cannot be told. */
  readonly decidedMs: number[];
}

export const restarts: Part = {
  name: 'restarts',
  title: 'SIGKILL of an engine → first act of its successor',
  async run() {
    const dir = mkdtempSync(join(tmpdir(), 'poold-bench-restarts-'));
    const all: Competitor[] = [];
    try {
      for (const peer of PEERS) if (peer.lacks === null) all.push(await entered(peer, join(dir, `stamps-${all.length}`)));
      for (const { name, stamps } of all) await until(`${name} has started its engine`, () => lastStamp(stamps));
      for (let kill = 0; kill < KILLS; kill += 1) {
        await pause(systemClock, LIFE_MS);
        // Another one begins each time, so that nobody always comes behind the same neighbour.
        for (let turn = 0; turn < all.length; turn += 1) {
          const competitor = all[(turn + kill) % all.length];
          if (competitor?.name === FAVORED.name) await withFavor(() => killed(competitor));
          else if (competitor !== undefined) await killed(competitor);
        }
      }
    } finally {
      for (const { running } of all) await running.end();
      rmSync(dir, { recursive: true, force: true });
    }
    return told(all);
  },
};

function told(all: readonly Competitor[]): string {
  const rows = PEERS.map(({ name, lacks }) => {
    const competitor = all.find((one) => one.name === name);
    if (competitor === undefined) return [name, lacks ?? '', '', ''];
    const { delaysMs, decidedMs } = competitor;
    const decided = decidedMs.length === 0 ? '' : median(decidedMs.toSorted(byValue)).toFixed(0);
    return [name, spread(delaysMs), ratio(delaysMs, all[0]?.delaysMs ?? []).toFixed(2), decided];
  });
  return `\`date\` in a shell script, back-off 0, ${KILLS} kills each, in turns.
poold with everything that is on by default: tree empty, last lines read, end and intent stored, port test-bound, cgroup, \`setpriv\`.
"decided" is when poold has put the old one away (end seen, tree empty, last lines read, end stored) and begins to start the next; the log tells it in
whole milliseconds. Goal: the median no slower than the fastest peer's. It is missed, and the time goes here: entering a cgroup waits for a grace period of
RCU (not with \`favordynmods\`, which is the machine's to set); decisions are JavaScript that is seldom run, over three commits; and the chain of programs
up to the engine is five long, where runit's is one.

${table(['', 'median ms (least to most)', 'it ÷ poold', 'decided, median'], rows)}`;
}

async function entered(peer: Peer, stamps: string): Promise<Competitor> {
  const running = await peer.start([{ name: 'bench', argv: [STAMPS_ENGINE, stamps], count: 1 }]);
  return { name: peer.name, stamps, running, delaysMs: [], decidedMs: [] };
}

async function withFavor(act: () => Promise<void>): Promise<void> {
  favor(true);
  try {
    await act();
  } finally {
    favor(false);
  }
}

async function killed({ name, stamps, running, delaysMs, decidedMs }: Competitor): Promise<void> {
  const before = lastStamp(stamps);
  if (before === null) throw new Error(`${name} has no engine`);
  const atMs = nextMillisecond();
  process.kill(before.pid, 'SIGKILL');
  const after: Stamp = await until(`${name} has started the next engine`, () => {
    const stamp = lastStamp(stamps);
    return stamp !== null && stamp.count > before.count ? stamp : null;
  });
  delaysMs.push(after.atMs - atMs);
  const { decidedMs: decided } = running;
  if (decided !== null) decidedMs.push((await until(`${name} tells when it decided`, () => decided(after.count))) - atMs);
}

/** Waits for the wall clock to turn over: as it tells no parts of a millisecond, then it is exact. */
function nextMillisecond(): number {
  const fromMs = systemClock.wallMs();
  for (;;) {
    const nowMs = systemClock.wallMs();
    if (nowMs !== fromMs) return nowMs;
  }
}
