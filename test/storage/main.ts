/** `npm run storage -- --n N [--seed S]`: N lives on a failing disk, and every point of an opening; exit code 1 for any broken promise. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/clock.ts';
import { Rig } from '../machine/rig.ts';
import { Dice, pick, whole } from '../sim/dice.ts';
import type { Life } from './failing-disk.ts';
import { livesThrough } from './failing-disk.ts';
import { LEDGER_POOLS } from './ledger.ts';
import { Opening } from './opening.ts';

const { values } = parseArgs({ options: { n: { type: 'string', default: '50' }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(systemClock.random() * 1e9));
let interrupted = false;
// Nothing is left behind, neither engines nor cgroups.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true;
  });
}

say(`seed ${seed}`);
const broken = [...openings(), ...(await lives(Number(values.n)))];
for (const sentence of broken) say(sentence);
process.exitCode = broken.length === 0 ? 0 : 1;

function openings(): string[] {
  const home = mkdtempSync(join(tmpdir(), 'poold-opening-'));
  try {
    const opening = new Opening(home);
    const points = opening.points();
    say(`${points.length} calls of an opening, each with a death and with an error`);
    return points.flatMap((point) =>
      (['SIGKILL', 'EIO', 'ENOSPC'] as const).flatMap((as) =>
        opening.brokenBy(point, as).map((one) => `${as} at ${point.call} number ${point.nth}: ${one}`),
      ),
    );
  } finally {
    rmSync(home, { recursive: true });
  }
}

async function lives(count: number): Promise<string[]> {
  const rig = new Rig(LEDGER_POOLS);
  const found: string[] = [];
  let failures = 0;
  try {
    await rig.start();
    await rig.poolReaches('chat', 'running');
    await rig.endDaemon('SIGKILL');
    for (let number = 1; number <= count && !interrupted; number += 1) {
      const life = lifeOf(number);
      const { failed, broken: own, faults } = await livesThrough(rig, life);
      failures += failed;
      found.push(...[...own, ...faults].map((one) => `life ${number}, ${JSON.stringify(life)}: ${one}`));
      if (number % 10 === 0) say(`${number} lives, ${failures} calls that failed, ${found.length} broken promises`);
    }
    return found;
  } finally {
    await rig.tidyUp();
  }
}

/** From behind a start on: what a start does is gone through call by call. */
function lifeOf(number: number): Life {
  const draw = new Dice({ seed, only: null }).stream('life', number);
  const call = pick(draw, ['pwrite64', 'pwrite64', 'fsync']);
  const first = call === 'fsync' ? whole(draw, 9, 14) : whole(draw, 90, 300);
  const when = pick(draw, [`${first}+`, `${first}+${whole(draw, 1, 40)}`]);
  return { seed: seed + number, call, when, as: pick(draw, ['EIO', 'ENOSPC']), failures: call === 'fsync' ? 4 : whole(draw, 5, 40) };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
