/** One bad replica, with the default limiter, storm and breaker, never delays another: whoever else waits, waits for its own back-off and no more. */
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { wanted } from './questions.ts';

export class NeighbourRule implements Rule {
  readonly #bad: number;

  constructor(bad: number) {
    this.#bad = bad;
  }

  stepped(step: Step): void {
    const { after } = step;
    if (after.restoring || after.replicas.count < 2) return;
    must(after.breaker.is === 'closed', 'neighbours', () => `one bad replica opened the breaker of ${step.pool}`);
    for (const engine of after.engines) {
      const { phase } = engine;
      if (engine.replica === this.#bad || phase.is !== 'backoff' || !wanted(after, engine)) continue;
      must(
        phase.dueMs > step.nowMs,
        'neighbours',
        () => `${step.pool}/${engine.replica} was due at ${phase.dueMs} and still waits at ${step.nowMs}`,
      );
    }
  }
}
