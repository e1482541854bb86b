/** A tick that comes exactly when `dueMs` said finds something to do: no busy loop, no timer for nothing. */
import { isDeepStrictEqual } from 'node:util';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import type { World } from '../world.ts';

export class TimerRule implements Rule {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  stepped(step: Step): void {
    const { dueMs } = this.#world.machine;
    const due = dueMs(step.after, step.nowMs);
    must(!Number.isNaN(due), 'timers', () => `dueMs of ${step.pool} is not a number`);
    if (step.event.type !== 'tick' || step.effects.length > 0 || due > step.nowMs) return;
    must(
      !isDeepStrictEqual(step.before, step.after),
      'timers',
      () => `a tick of ${step.pool} at ${step.nowMs} changes nothing, and the next is due at ${due}`,
    );
  }
}
