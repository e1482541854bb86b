/** Who uses an engine is what it last answered to the daemon that asks now: a drain would cut users off by anything older. */
import { engineId } from '../../../src/engine/identity.ts';
import type { PoolEvent } from '../../../src/pool/pool-events.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { lifeIn, runOf } from './questions.ts';

interface Asked {
  readonly answer: number | null;
  /** Questions since then. */
  readonly unanswered: number;
}

export class InUseRule implements Rule {
  readonly #asked = new Map<string, Asked>();

  booting(): void {
    this.#asked.clear();
  }

  stepped(step: Step): void {
    const { pool, event, lives, after } = step;
    if (event.type === 'probed' && event.result.kind === 'inUse') this.#answered(step, event);
    if (after.restoring) return;
    for (const { is } of lives) {
      if (is === null) continue;
      const shown = runOf(is)?.samples.inUse ?? null;
      if (is.phase.is !== 'ready' && is.phase.is !== 'unready') continue;
      const id = `${engineId({ pool, replica: is.replica })}#${is.generation}`;
      const asked = this.#asked.get(id);
      const known = asked !== undefined && asked.unanswered < 3 ? asked.answer : null;
      must(shown === known, 'inUse', () => `${id} is used by ${shown ?? 'nobody knows how many'}, it said ${known ?? 'nothing'}`);
    }
  }

  #answered({ pool, before }: Step, { replica, generation, result }: Extract<PoolEvent, { readonly type: 'probed' }>): void {
    if (lifeIn(before, { replica, generation }) === undefined) return;
    const id = `${engineId({ pool, replica })}#${generation}`;
    const asked = this.#asked.get(id) ?? { answer: null, unanswered: 0 };
    this.#asked.set(id, result.ok ? { answer: result.busy ?? null, unanswered: 0 } : { ...asked, unanswered: asked.unanswered + 1 });
  }
}
