/** Invariants 11 and 32, their beginning: a drain's deadline is what was asked for, or the pool's own; a second one takes the shorter, unless `extend`. */
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { lifeIn, specNow } from './questions.ts';

/** At SIGTERM nobody is waited for longer. */
const SHUTDOWN_MS = 90_000;

export class DeadlineRule implements Rule {
  changed(step: Step): void {
    if (step.event.type === 'rebooted' || step.before.restoring) return;
    const asked = askedOf(step);
    if (asked !== null && asked.replica === null && step.after.drain !== null) {
      const { drain } = step.before;
      const dueMs = drain === null || asked.extend ? asked.dueMs : Math.min(drain.deadlineMs, asked.dueMs);
      const { deadlineMs } = step.after.drain;
      must(deadlineMs === dueMs, 'deadline', () => `${step.pool} is drained until ${deadlineMs}, it was to be until ${dueMs}`);
    }
    for (const { is } of step.lives) if (is !== null && (is.phase.is === 'ready' || is.phase.is === 'unready')) this.#closed(step, is);
  }

  #closed(step: Step, engine: EngineState): void {
    const { closing } = engine;
    if (closing === null || lifeIn(step.before, engine)?.closing != null) return;
    const right = deadlinesOf(step, engine);
    must(
      right.includes(closing.deadlineMs),
      'deadline',
      () => `${step.pool}/${engine.replica} is drained from ${step.nowMs} until ${closing.deadlineMs}, ${right.join(' or ')} is right`,
    );
  }
}

interface Asked {
  readonly replica: number | null;
  readonly dueMs: number;
  readonly extend: boolean;
}

function askedOf({ event, before, nowMs }: Step): Asked | null {
  if (event.type !== 'command') return null;
  const { command } = event;
  const ownMs = specNow(before).drain.deadlineMs;
  if (command.do === 'drain') return { ...command, dueMs: nowMs + (command.deadlineMs ?? ownMs) };
  return command.do === 'stop' ? { replica: command.replica, dueMs: nowMs + (command.now ? 0 : ownMs), extend: false } : null;
}

function deadlinesOf(step: Step, { replica, closing }: EngineState): readonly number[] {
  const { before, after, nowMs } = step;
  if (closing?.for === 'rollout') return [before, after].flatMap(({ rollout }) => (rollout === null ? [] : [nowMs + rollout.drainMs]));
  const asked = askedOf(step);
  if (asked !== null && asked.replica === replica) return [asked.dueMs];
  if (asked !== null && asked.replica === null && after.drain !== null) return [after.drain.deadlineMs];
  const latestMs = after.drain?.deadlineMs ?? Number.POSITIVE_INFINITY;
  return [before, after].map((state) => {
    const ownMs = specNow(state).drain.deadlineMs;
    return Math.min(latestMs, nowMs + (state.shuttingDown ? Math.min(ownMs, SHUTDOWN_MS) : ownMs));
  });
}
