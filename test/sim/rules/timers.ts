/** A tick that comes exactly when `dueMs` said finds something to do: no busy loop, no timer for nothing. */
import type { Rule, Step } from '../ground.ts';
import { same } from '../same.ts';
import { must } from '../violation.ts';
import type { World } from '../world.ts';

export class TimerRule implements Rule {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  stepped(step: Step): void {
    if (step.event.type !== 'tick' || step.effects.length > 0) return;
    const due = this.#world.machine.dueMs(step.after, step.nowMs);
    if (due > step.nowMs) return;
    must(
      !same(step.before, step.after),
      'timers',
      () => `a tick of ${step.pool} at ${step.nowMs} changes nothing, and the next is due at ${due}`,
    );
  }
}
