/**
 * What is asked of leases, as `src/pool/pool.ts` and `src/pool/commits.ts` take it: all that comes within one turn of the event loop is decided when
 * that is over, pool by pool, and stored by one commit; whoever asked is told behind it, by an effect. The daemon can die before, after, and between.
 */

import type { LeaseAnswer, LeaseEvent } from '../../src/lease/lease-events.ts';
import type { Effect } from '../../src/pool/effects.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import type { Step } from './ground.ts';

/** A question without the number of its answer. */
export type Question = LeaseEvent extends infer Event ? (Event extends LeaseEvent ? Omit<Event, 'to'> : never) : never;

export interface Asking {
  /** Runs it when what is due now is done. */
  readonly soon: (run: () => void) => void;
  readonly state: (pool: string) => PoolState;
  readonly decided: (pool: string, state: PoolState, event: LeaseEvent) => readonly [PoolState, readonly Effect[]];
  readonly stored: (pool: string, state: PoolState, effects: readonly Effect[]) => void;
  readonly stepped: (step: Pick<Step, 'pool' | 'before' | 'after' | 'event' | 'effects'>) => void;
  readonly run: (pool: string, effect: Effect) => void;
  /** The timer of the pool, after its effects. */
  readonly armed: (pool: string, effects: readonly Effect[]) => void;
  /** As `Nature.dies`, once for all of the turn. */
  readonly dies: () => number | null;
  readonly die: () => void;
  /** To whoever asked, when all effects of the turn are through. */
  readonly tell: (told: () => void) => void;
}

type Decided = Parameters<Asking['stepped']>[0];

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
    this.#waiting.set(pool, [...(this.#waiting.get(pool) ?? []), event]);
  }

  answered(to: number, answer: LeaseAnswer): void {
    const told = this.#open.get(to);
    this.#open.delete(to);
    if (told !== undefined) this.#given.tell(() => told(answer));
  }

  #turn(): void {
    const { decided, stored, stepped, dies, die } = this.#given;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    const steps: Decided[] = [];
    for (const [pool, events] of waiting) {
      let before = this.#given.state(pool);
      for (const event of events) {
        const [after, effects] = decided(pool, before, event);
        steps.push({ pool, before, after, event, effects });
        before = after;
      }
    }
    const deathAt = dies();
    if (deathAt === 0) return die();
    for (const [pool] of waiting) {
      const own = steps.filter((step) => step.pool === pool);
      const last = own.at(-1);
      if (last !== undefined)
        stored(
          pool,
          last.after,
          own.flatMap(({ effects }) => effects),
        );
    }
    for (const step of steps) stepped(step);
    this.#done(steps, deathAt);
  }

  #done(steps: readonly Decided[], deathAt: number | null): void {
    const { run, armed, die } = this.#given;
    let done = 1;
    for (const pool of new Set(steps.map((step) => step.pool))) {
      const effects = steps.filter((step) => step.pool === pool).flatMap((step) => step.effects);
      for (const effect of effects) {
        if (deathAt === done) return die();
        run(pool, effect);
        done += 1;
      }
      armed(pool, effects);
    }
    if (deathAt !== null) die();
  }
}
