/**
 * A clock that a race moves. Of timers that are due at one moment any may come first, and the event loop may turn between two of them, or not:
 * that is drawn, as all of it happens under Node. Whoever is given a view of it has timers of his own, which can be looked at.
 */
import type { Clock, Timer } from '../../src/clock.ts';
import { WALL_MS } from '../pool/world.ts';
import type { Stream } from '../sim/dice.ts';
import { chance, whole } from '../sim/dice.ts';

interface Armed {
  readonly dueMs: number;
  readonly fire: () => void;
}

/** As many turns of the event loop as the longest way from a timer to an answer takes, and some more. */
const TURNS = 6;
/** How often two timers of one moment fire within so few turns of the event loop (0: in the same) that what the first began is under way still. */
const TOGETHER = 0.5;
const TOGETHER_TURNS = 2;

export class ClockView implements Clock {
  readonly armed = new Set<Armed>();
  readonly #of: RaceClock;

  constructor(of: RaceClock) {
    this.#of = of;
  }

  nowMs = (): number => this.#of.nowMs;
  wallMs = (): number => WALL_MS + this.#of.nowMs;
  random = (): number => this.#of.draw();

  after(delayMs: number, fire: () => void): Timer {
    const timer = { dueMs: this.#of.nowMs + Math.max(0, delayMs), fire };
    if (timer.dueMs !== Number.POSITIVE_INFINITY) this.armed.add(timer);
    return { cancel: () => this.armed.delete(timer) };
  }

  /** When its next timer fires; Infinity when none is armed. */
  get dueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const timer of this.armed) dueMs = Math.min(dueMs, timer.dueMs);
    return dueMs;
  }
}

export class RaceClock {
  nowMs = 0;
  readonly draw: Stream;
  readonly #views: ClockView[] = [];

  constructor(draw: Stream) {
    this.draw = draw;
  }

  view(): ClockView {
    const view = new ClockView(this);
    this.#views.push(view);
    return view;
  }

  /** `looked` is called whenever time is about to go on: everything that could happen by now has happened. */
  async pass(untilMs: number, looked: () => void): Promise<void> {
    await settled();
    looked();
    for (let next = this.#next(untilMs); next !== null; next = this.#next(untilMs)) {
      this.nowMs = next.timer.dueMs;
      next.view.armed.delete(next.timer);
      next.timer.fire();
      if (this.#sameMoment() && chance(this.draw, TOGETHER)) {
        await turned(whole(this.draw, 0, TOGETHER_TURNS));
        // Unless what it has done took back all others of this moment.
        if (this.#sameMoment()) continue;
      }
      await settled();
      if (!this.#sameMoment()) looked();
    }
    this.nowMs = untilMs;
  }

  #next(untilMs: number): { readonly view: ClockView; readonly timer: Armed } | null {
    const dueMs = Math.min(...this.#views.map((view) => view.dueMs));
    if (dueMs > untilMs) return null;
    const due = this.#views.flatMap((view) => [...view.armed].flatMap((timer) => (timer.dueMs === dueMs ? [{ view, timer }] : [])));
    return due[whole(this.draw, 0, due.length - 1)] ?? null;
  }

  #sameMoment(): boolean {
    return this.#views.some(({ dueMs }) => dueMs <= this.nowMs);
  }
}

/** Until everything that was ready to go on has gone on. */
function settled(): Promise<void> {
  return turned(TURNS);
}

async function turned(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  // As between two timers of one turn: the ticks come behind all microtasks.
  await new Promise<void>((resolve) => process.nextTick(resolve));
}
