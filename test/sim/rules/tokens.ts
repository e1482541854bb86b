/** Invariants 18 and 19: tokens of a pool rise for ever, over all daemons; one is refused only when it is another's, or its own lease has ended. */
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { grantsOf } from './leasing.ts';

export class TokenRule implements Rule {
  readonly #last = new Map<string, string>();
  readonly #tokens = new Map<string, string>();
  readonly #ended = new Set<string>();

  stepped(step: Step): void {
    const { pool, event } = step;
    if (step.effects.length === 0) return;
    const over = 'id' in event && this.#ended.has(event.id);
    const timely = step.leasing.some(
      (happening) => happening.is === 'ended' && 'id' in event && happening.ended.held.lease.id === event.id,
    );
    for (const { id, token } of grantsOf(step)) {
      const last = this.#last.get(pool) ?? '';
      must(token > last, 'tokens', () => `${id} of ${pool} gets the token ${token} after ${last}`);
      this.#last.set(pool, token);
      this.#tokens.set(id, token);
    }
    for (const happening of step.leasing) if (happening.is === 'ended') this.#ended.add(happening.ended.held.lease.id);
    if (!('id' in event)) return;
    for (const answer of step.answers) {
      const own = event.token === null || event.token === this.#tokens.get(event.id);
      if (answer.is === 'stale') must(!own, 'tokens', () => `the token of ${event.id} is called stale`);
      if (answer.is === 'gone') must(over || timely, 'tokens', () => `${event.type} of ${event.id} is refused, and it has not ended`);
      if ('held' in answer) must(own, 'tokens', () => `${event.type} of ${event.id} goes through with the token ${event.token}`);
    }
  }
}
