/** Somebody comes in just where an engine is at what is over in a moment: by the clock alone nobody would meet that. */
import type { EngineState, StartStep } from '../../src/engine/engine-state.ts';
import type { Dice, Stream } from './dice.ts';
import { between, chance, pick } from './dice.ts';
import type { Step } from './ground.ts';
import type { Luck } from './luck.ts';
import type { Kind } from './slot-kinds.ts';
import type { World } from './world.ts';

export interface MeddlingOptions {
  readonly world: World;
  readonly dice: Dice;
  readonly luck: Luck;
  readonly note: (text: () => string) => void;
  readonly done: (kind: Kind, draw: Stream, pool: string) => void;
}

export class Meddling {
  readonly #given: MeddlingOptions;
  #moments = 0;
  #drains = 0;

  constructor(given: MeddlingOptions) {
    this.#given = given;
  }

  heard(pool: string, lives: Step['lives']): void {
    const { luck, dice, world, note, done } = this.#given;
    let odds = 0;
    for (const { was, is } of lives) if (is !== null && is.phase !== was.phase) odds = Math.max(odds, oddsOf(is));
    if (luck.calm) return;
    if (lives.some(({ was, is }) => is !== null && was.closing === null && isHeld(is))) this.#races(pool);
    if (odds === 0) return;
    this.#moments += 1;
    const at = this.#moments;
    if (!dice.upset(odds, 'meddling', at)) return;
    const draw = dice.stream('meddlingKind', at);
    const kind = pick<Kind>(draw, ['command', 'command', 'command', 'command', 'command', 'command', 'daemonDies', 'shutdown']);
    world.ground.agenda.addLasting(world.ground.nowMs + (chance(draw, 0.6) ? 0 : between(draw, 0, 30)), () => {
      if (luck.calm) return;
      note(() => `-- meddling:${at} ${kind}`);
      done(kind, draw, pool);
    });
  }

  /** Those who use an engine that is drained, all at its deadline. */
  #races(pool: string): void {
    this.#drains += 1;
    if (this.#given.dice.upset(0.9, 'deadlineRace', this.#drains))
      this.#given.done('race', this.#given.dice.stream('deadlineRaceKind', this.#drains), pool);
  }
}

function isHeld({ closing, seats }: EngineState): boolean {
  return closing !== null && seats.some((lease) => lease !== null);
}

const STARTING: Readonly<Record<StartStep, number>> = { preparing: 0.04, preflight: 0.015, queued: 0.02, spawning: 0.03, probing: 0 };

/** How often somebody meddles with an engine that has just come to this: the shorter and the rarer, the more. */
function oddsOf({ phase, role }: EngineState): number {
  switch (phase.is) {
    case 'starting':
      return STARTING[phase.step];
    case 'stopping':
      return role === 'serving' ? 0.02 : 0.05;
    case 'unready':
      return 0.03;
    case 'ended':
      return 0.05;
    case 'stuck':
      return phase.why === 'unproven' ? 0.5 : 0.2;
    case 'backoff':
      return phase.why === 'starved' ? 0.3 : phase.why === 'blocked' ? 0.04 : 0;
    default:
      return 0;
  }
}
