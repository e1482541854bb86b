/** One random schedule: a world drawn from a seed, at least so many events of trouble, then calm until every pool has come to its end. */

import { settledIn } from './calm.ts';
import { Clients } from './clients.ts';
import type { Coverage } from './coverage.ts';
import type { Stream } from './dice.ts';
import { between, Dice, pick } from './dice.ts';
import type { Mood } from './luck.ts';
import { Luck } from './luck.ts';
import type { Machine } from './machine.ts';
import { theMachine } from './machine.ts';
import { NeighbourRule } from './rules/neighbours.ts';
import { Shutdown } from './shutdown.ts';
import { Slots } from './slots.ts';
import { neighbourSpec, randomSpec } from './specs.ts';
import { told } from './told.ts';
import { Violation } from './violation.ts';
import { World } from './world.ts';

export interface ScheduleOptions {
  readonly seed: number;
  readonly machine?: Machine;
  /** Upsets that may happen; null = all. */
  readonly only?: ReadonlySet<string> | null;
  /** Slots at most; a shrunk schedule has no more than the one it came from. */
  readonly slotsMax?: number;
  readonly coverage?: Coverage;
  readonly trace?: (line: string) => void;
}

export interface Outcome {
  readonly steps: number;
  readonly slots: number;
  readonly upsets: readonly string[];
  readonly violation: Violation | null;
}

/** Steps of trouble in every schedule. */
export const STEPS_MIN = 300;
const SLOTS_MAX = 4_000;
const NAMES = ['chat', 'code', 'embed'] as const;

export function runSchedule(given: ScheduleOptions): Outcome {
  const { seed, only = null } = given;
  const dice = new Dice({ seed, only });
  const { world, slots, luck, shutdown, note } = drawn(given, dice);
  let violation: Violation | null = null;
  try {
    world.boot();
    slots.begin();
    while (world.steps < STEPS_MIN && slots.count <= (given.slotsMax ?? SLOTS_MAX)) {
      world.advance();
      world.between();
      shutdown.between();
    }
    settledIn({ world, luck, shutdown, note });
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error;
  }
  return { steps: world.steps, slots: slots.count, upsets: [...dice.upsets], violation };
}

interface Drawn {
  readonly world: World;
  readonly slots: Slots;
  readonly luck: Luck;
  readonly shutdown: Shutdown;
  readonly note: (text: () => string) => void;
}

function drawn(given: ScheduleOptions, dice: Dice): Drawn {
  const { seed, machine = theMachine, coverage, trace } = given;
  const draw = dice.stream('world');
  // Every eighth schedule is about one bad replica among good ones.
  const victim = seed % 8 === 7 ? 0 : null;
  // And every third one is about good engines and those who use them.
  const amongUsers = victim === null && seed % 3 === 1;
  const names = NAMES.slice(0, victim === null ? pick(draw, [1, 2, 2, 3]) : 1);
  const luck = new Luck(dice, names);
  const note = (text: () => string): void => trace?.(`${world.ground.nowMs.toFixed(1).padStart(12)} ${text()}`);
  const world: World = new World({
    specs: names.map((name, at) => (victim === null ? randomSpec(draw, name, at) : neighbourSpec(draw, name))),
    nature: luck,
    machine,
    perDevice: pick(draw, [null, 1, 1, 2]),
    watched: (step) => {
      coverage?.seen(step);
      slots.heard(step);
      if (trace !== undefined) for (const line of told(step)) note(() => line);
    },
    moreRules: victim === null ? [] : [new NeighbourRule(victim)],
  });
  world.ground.nowMs = between(draw, 1_000, 100_000);
  world.clients = new Clients(world, dice);
  const shutdown = new Shutdown(world);
  const slots: Slots = new Slots({
    world,
    dice,
    luck,
    note,
    victim,
    amongUsers,
    slotsMax: given.slotsMax ?? SLOTS_MAX,
    onShutdown: (engines) => shutdown.asked(engines),
  });
  for (const name of names) {
    for (let replica = 0; replica < 5; replica += 1) luck.moodPut(name, replica, moodOf(draw, { victim, amongUsers, replica }));
  }
  return { world, slots, luck, shutdown, note };
}

interface Place {
  readonly victim: number | null;
  readonly amongUsers: boolean;
  readonly replica: number;
}

function moodOf(draw: Stream, { victim, amongUsers, replica }: Place): Mood {
  if (victim !== null) return replica === victim ? 'bad' : 'fine';
  return amongUsers ? pick<Mood>(draw, ['fine', 'good', 'good']) : pick<Mood>(draw, ['good', 'mixed', 'mixed', 'bad']);
}
