/** Invariant 45: what the status says is what has happened, and never negative. */
import { poolStatus } from '../../../src/pool/pool-view.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { commandOf, everyEngine, lifeIn, recordsOf, revived, runOf, takenIn } from './questions.ts';

/** The status is put together once in so many changes. */
const EVERY = 61;

export class CounterRule implements Rule {
  readonly #crashes = new Map<string, number>();
  readonly #ended = new Set<string>();
  #changes = 0;

  changed(step: Step): void {
    const { pool, before, after } = step;
    for (const { engine, generation } of step.ends) {
      const key = `${engine}#${generation}`;
      must(!this.#ended.has(key), 'counters', () => `${key} is recorded twice`);
      this.#ended.add(key);
    }
    const crashes = (this.#crashes.get(pool) ?? 0) + recordsOf(step).filter(({ failure }) => failure).length;
    if (step.ends.length > 0) this.#crashes.set(pool, crashes);
    must(after.crashCount === crashes, 'counters', () => `${pool} counts ${after.crashCount} crashes, ${crashes} have happened`);
    this.#restartsShown(step);
    if (before.engines.length !== after.engines.length) {
      must(
        after.engines.every((engine, index) => index === 0 || (after.engines[index - 1]?.replica ?? 0) < engine.replica),
        'counters',
        () => `${pool} has its engines out of order`,
      );
    }
    this.#changes += 1;
    if (this.#changes % EVERY === 0) statusHolds(step);
  }

  #restartsShown(step: Step): void {
    const { before, after, pool } = step;
    const restarts = step.spawns.filter((ref) => ['restart', 'recovery'].includes(runOf(lifeIn(after, ref))?.cause ?? '')).length;
    const expected = before.restartCount + restarts;
    if (after.restartCount === expected) return;
    const backToZero = after.restartCount === 0 && (commandOf(step) === 'reset' || revived(step) || everyReady(step));
    must(backToZero, 'counters', () => `${pool} shows ${after.restartCount} restarts, ${expected} are right`);
  }
}

function everyReady({ after }: Step): boolean {
  return after.engines.some(({ phase }) => phase.is === 'ready');
}

function statusHolds({ after, nowMs, wallMs, pool }: Step): void {
  const status = poolStatus(after, { nowMs, wallMs, containment: 'weak', external: [] });
  const serving = after.engines.filter(({ phase, paused, closing }) => phase.is === 'ready' && paused === null && closing === null);
  const ready = serving.length;
  const live = everyEngine(after).filter((engine) => 'run' in engine.phase).length;
  const taking = after.paused === null && after.wanted.state === 'running' && !after.shuttingDown;
  must(
    status.ready === (ready > 0 && taking) && status.live === live > 0,
    'counters',
    () => `${pool} says ready ${status.ready}, live ${status.live}`,
  );
  const free = serving.map((engine) => Math.max(0, (after.specs[runOf(engine)?.specId ?? '']?.slots ?? 0) - takenIn(engine)));
  const slotsFree = after.paused === null ? free.reduce((sum, one) => sum + one, 0) : 0;
  must(status.slotsFree === slotsFree && status.slotsTotal >= 0, 'counters', () => `${pool} has ${status.slotsFree} slots free`);
  const numbers = [
    status.restartCount,
    status.crashCount,
    status.breaker.failures,
    status.slotsFree,
    ...status.engines.map(({ failures }) => failures),
  ];
  must(
    numbers.every((number) => Number.isInteger(number) && number >= 0),
    'counters',
    () => `${pool} shows ${numbers.join(' ')}`,
  );
  for (const engine of status.engines) {
    const { state, reason, message } = engine;
    const explained = state === 'ready' || (reason !== null && message !== null);
    must(after.restoring || explained, 'counters', () => `${engine.id} is ${state} and does not say why`);
  }
}
