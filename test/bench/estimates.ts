/** `node test/bench/estimates.ts`: how far estimated waits are from those that followed, on synthetic load, and what an estimate costs. Minutes. */
import { estimates } from '../../src/admission/estimate-state.ts';
import { systemClock } from '../../src/clock.ts';
import { startedCold } from '../admission/cold-starts.ts';
import type { Lengths, Load, Outcome } from '../admission/load.ts';
import { LENGTHS, played, scored } from '../admission/load.ts';
import { Dice } from '../sim/dice.ts';

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const SLOTS = [1, 4, 16, 64];

type Phase = Omit<Load, 'seed' | 'slots' | 'lengths'>;

const phases: readonly (readonly [string, Phase, number])[] = [
  ['full record, ends 400 to 1,900', { fromEnd: 400, untilEnd: 1_900 }, 4],
  ['the same, not told how far the record goes back', { fromEnd: 400, untilEnd: 1_900, tellsWatched: false }, 4],
  ['begun with nothing held, ends 20 to 100', { fromEnd: 20, untilEnd: 100 }, 40],
  ['the same, not told how far the record goes back', { fromEnd: 20, untilEnd: 100, tellsWatched: false }, 40],
  ['begun with nothing held, ends 100 to 300', { fromEnd: 100, untilEnd: 300 }, 15],
  ['begun under full load (daemon started anew), ends 20 to 100', { fromEnd: 20, untilEnd: 100, lostAtEnd: 500 }, 30],
];

const lengthNames = Object.keys(LENGTHS) as Lengths[];

const ttlPhases: readonly (readonly [string, Partial<Phase>, readonly Lengths[]])[] = [
  ['TTL 1 min, never renewed', { ttlMs: 60_000, renewalMs: Number.POSITIVE_INFINITY }, ['constant']],
  ['TTL 5 min, renewed', { ttlMs: 300_000 }, lengthNames],
  ['TTL 30 s, renewed', { ttlMs: 30_000 }, lengthNames],
];

say(
  'Of the waits: share within p50 / share within p90 / middle of p50 ÷ actual (their number). Leases last 1 min in the mean, load 1.02, queue of 30.',
);
for (const [name, phase, seeds] of phases)
  table(name, lengthNames, (slots, lengths) => seeded(seeds, (seed) => played({ ...phase, seed, slots, lengths })));
byPosition();
for (const [name, phase, columns] of ttlPhases)
  table(`basis ttl: ${name}, ends 0 to 20`, columns, (slots, lengths) =>
    seeded(40, (seed) => played({ ...phase, fromEnd: 0, untilEnd: 20, seed, slots, lengths })).filter(
      ({ estimate }) => estimate.basis === 'ttl',
    ),
  );
coldStarts();
cost();

function table(name: string, columns: readonly Lengths[], outcomes: (slots: number, lengths: Lengths) => Outcome[]): void {
  say(`\n${name}\n\n| slots | ${columns.join(' | ')} |\n| --- |${' --- |'.repeat(columns.length)}`);
  for (const slots of SLOTS) say(`| ${slots} | ${columns.map((lengths) => cell(outcomes(slots, lengths))).join(' | ')} |`);
}

function byPosition(): void {
  say('\nfull record, by position, 4 slots and 16\n\n| lengths | 1 | 2 to 5 | 6 to 15 | 16 to 30 |\n| --- | --- | --- | --- | --- |');
  for (const lengths of lengthNames) {
    const all = seeded(4, (seed) => [4, 16].flatMap((slots) => played({ fromEnd: 400, untilEnd: 1_900, seed, slots, lengths })));
    const among = (least: number, most: number): string => cell(all.filter(({ position }) => position >= least && position <= most));
    say(`| ${lengths} | ${among(1, 1)} | ${among(2, 5)} | ${among(6, 15)} | ${among(16, 30)} |`);
  }
}

function coldStarts(): void {
  say(
    '\ncold start, 2,000 starts, lognormal with p50 90 s and p90 180 s\n\n| slots | first of the queue | behind the slots |\n| --- | --- | --- |',
  );
  for (const slots of SLOTS) {
    const all = startedCold({ seed: 1, starts: 2_000, slots, waiters: slots * 2 });
    say(
      `| ${slots} | ${cell(all.filter(({ position }) => position === 1))} | ${cell(all.filter(({ position }) => position === slots * 2))} |`,
    );
  }
}

function cost(): void {
  say('\n| positions | held | durations | median ms | 95 of 100 below |\n| --- | --- | --- | --- | --- |');
  for (const [positions, held] of [
    [1_000, 64],
    [1_000, 8],
    [100, 64],
    [20, 8],
    [1, 1],
  ] as const) {
    const draw = new Dice({ seed: 1, only: null }).stream('cost');
    const ground = {
      held: Array.from({ length: held }, () => ({ heldMs: LENGTHS.exponential(draw), ttlLeftMs: 20_000, ttlMs: 30_000 })),
      freeSlots: 0,
      coming: [],
      durationsMs: Array.from({ length: 200 }, () => LENGTHS.exponential(draw)),
      watchedMs: 200_000,
      positions,
      random: systemClock.random,
    };
    const timesMs = Array.from({ length: 400 }, () => {
      const fromMs = systemClock.nowMs();
      estimates(ground);
      return systemClock.nowMs() - fromMs;
    })
      .slice(100)
      .toSorted((one, other) => one - other);
    const at = (share: number): string => (timesMs[Math.floor(timesMs.length * share)] ?? Number.NaN).toFixed(2);
    say(`| ${positions} | ${held} | 200 | ${at(0.5)} | ${at(0.95)} |`);
  }
}

function seeded(seeds: number, outcomes: (seed: number) => Outcome[]): Outcome[] {
  return Array.from({ length: seeds }, (_, index) => outcomes(index + 1)).flat();
}

function cell(outcomes: readonly Outcome[]): string {
  const { waits, withinP50, withinP90, ratio } = scored(outcomes);
  return waits === 0 ? '' : `${withinP50.toFixed(2)} / ${withinP90.toFixed(2)} / ${ratio.toFixed(2)} (${waits})`;
}
