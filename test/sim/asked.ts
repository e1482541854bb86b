/**
 * What is asked of leases, as `src/pool/pool.ts` and `src/pool/commits.ts` take it: all that comes within one turn of the event loop is decided when
 * that is over, pool by pool, and stored by one commit; whoever asked is told behind it, by an effect. The daemon can die before, after, and between.
 */

import type { LeaseAnswer, LeaseEvent } from '../../src/lease/lease-events.ts';
import type { Effect } from '../../src/pool/effects.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import type { Decided } from './ground.ts';

/** A question without the number of its answer. */
export type Question = LeaseEvent extends infer Event ? (Event extends LeaseEvent ? Omit<Event, 'to'> : never) : never;

export interface Asking {
  /** Runs it when what is due now is done. */
  readonly soon: (run: () => void) => void;
  readonly state: (pool: string) => PoolState;
  readonly decided: (pool: string, state: PoolState, event: LeaseEvent) => readonly [PoolState, readonly Effect[]];
  readonly stored: (pool: string, state: PoolState, effects: readonly Effect[]) => void;
  readonly stepped: (decided: Decided) => void;
  readonly run: (pool: string, effect: Effect) => void;
  /** The timer of the pool, after its effects. */
  readonly armed: (pool: string) => void;
  /** As `Nature.dies`, once for all of the turn. */
  readonly dies: () => number | null;
  readonly die: () => void;
  /** To whoever asked, when all effects of the turn are through. */
  readonly tell: (told: () => void) => void;
}

/** What one turn has decided for a pool. */
interface PoolTurn {
  readonly pool: string;
  readonly after: PoolState;
  readonly steps: readonly Decided[];
  readonly effects: readonly Effect[];
}

export class Asked {
  readonly #given: Asking;
  readonly #waiting = new Map<string, LeaseEvent[]>();
  readonly #open = new Map<number, (answer: LeaseAnswer) => void>();
  #number = 0;

  constructor(given: Asking) {
    this.#given = given;
  }

  ask(pool: string, question: Question, told: (answer: LeaseAnswer) => void): void {
    this.#number += 1;
    this.#open.set(this.#number, told);
    if (this.#waiting.size === 0) this.#given.soon(() => this.#turn());
    const event = { ...question, to: this.#number } as LeaseEvent;
    const others = this.#waiting.get(pool);
    if (others === undefined) this.#waiting.set(pool, [event]);
    else others.push(event);
  }

  answered(to: number, answer: LeaseAnswer): void {
    const told = this.#open.get(to);
    this.#open.delete(to);
    if (told !== undefined) this.#given.tell(() => told(answer));
  }

  #turn(): void {
    const { stored, stepped, dies, die } = this.#given;
    const turns = [...this.#waiting].map(([pool, events]) => this.#decided(pool, events));
    this.#waiting.clear();
    const deathAt = dies();
    if (deathAt === 0) return die();
    for (const { pool, after, effects } of turns) stored(pool, after, effects);
    for (const { steps } of turns) for (const step of steps) stepped(step);
    this.#done(turns, deathAt);
  }

  #decided(pool: string, events: readonly LeaseEvent[]): PoolTurn {
    const steps: Decided[] = [];
    const all: Effect[] = [];
    let before = this.#given.state(pool);
    for (const event of events) {
      const [after, effects] = this.#given.decided(pool, before, event);
      steps.push({ pool, before, after, event, effects });
      all.push(...effects);
      before = after;
    }
    return { pool, after: before, steps, effects: all };
  }

  #done(turns: readonly PoolTurn[], deathAt: number | null): void {
    const { run, armed, die } = this.#given;
    let done = 1;
    for (const { pool, effects } of turns) {
      for (const effect of effects) {
        if (deathAt === done) return die();
        run(pool, effect);
        done += 1;
      }
      armed(pool);
    }
    if (deathAt !== null) die();
  }
}
