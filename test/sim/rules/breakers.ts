/** When breakers may move, whom they hold, and who may be the canary: product.md, "Engine breaker" to "Class breakers". */
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { Breaker } from '../../../src/policy/breaker.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import {
  commandOf,
  engineIn,
  lifeIn,
  membersOf,
  oldSpecAgain,
  recordsOf,
  replicaOf,
  revived,
  runOf,
  specNow,
  takenOver,
  wanted,
} from './questions.ts';

const NO_BREAKER: Breaker = { is: 'closed', sinceMs: 0, openForMs: 0 };

export class BreakerRule implements Rule {
  changed(step: Step): void {
    for (const ref of step.spawns) if (lifeIn(step.after, ref)?.role === 'serving') this.#spawned(step, ref.replica);
    if (step.event.type === 'rebooted') return;
    this.#moved(step, 'any');
    for (const name of classesOf(step)) this.#moved(step, name);
    const over = takenOver(step);
    for (const { was, is } of step.changes) if (!over.includes(is.replica)) engineMoved(step, was, is);
    this.#canaryChosen(step);
  }

  /** Held by what stood when the place to spawn was given: a storm opens the breaker behind its last restart. */
  #spawned(step: Step, replica: number): void {
    const engine = engineIn(step.after, replica);
    const run = runOf(engine);
    if (engine === undefined || run === null || run.cause === 'retry' || run.cause === 'manual') return;
    const { canary } = step.before;
    const isCanary = canary !== null && canary.replica === replica && canary.generation === engine.generation;
    const says = (which: string) => () => `${step.pool}/${replica} is spawned (${run.cause}) while ${which} is not closed`;
    must(step.before.breaker.is === 'closed' || isCanary, 'breakerHolds', says("the pool's breaker"));
    const klass = step.before.classes[engine.lastFailureClass ?? ''];
    const free = klass === undefined || klass.breaker.is === 'closed';
    must(free || isCanary, 'breakerHolds', says(`the breaker of ${engine.lastFailureClass}`));
    must(engine.breaker.is !== 'open', 'breakerHolds', says('its own breaker'));
  }

  #moved(step: Step, name: string): void {
    const was = breakerIn(step.before, name);
    const is = breakerIn(step.after, name);
    if (was === is && was.is !== 'half_open') return;
    const says = (): string => `${name} of ${step.pool} goes from ${was.is} to ${is.is} by ${step.event.type}`;
    const spec = specNow(step.after).breaker;
    const { canary } = step.before;
    const ended = recordsOf(step).find(
      (entry) => entry.failure && canary?.of === name && replicaOf(entry) === canary.replica && entry.generation === canary.generation,
    );
    const stuck = step.changes.some(
      ({ was: from, is: to }) =>
        to.phase.is === 'stuck' && from.phase.is !== 'stuck' && canary?.of === name && canary.replica === to.replica,
    );
    if (was.is === 'closed' && is.is === 'open')
      must(
        is.untilMs === step.nowMs + is.openForMs &&
          (is.openForMs === was.openForMs ||
            is.openForMs === clampedMs(spec, spec.openForMs) ||
            is.openForMs === clampedMs(spec, was.openForMs)),
        'breakerMoves',
        says,
      );
    if (was.is === 'open' && is.is === 'open') must(is.untilMs === was.untilMs, 'breakerMoves', says);
    if (was.is === 'open' && is.is === 'half_open') must(step.nowMs >= was.untilMs, 'breakerMoves', says);
    if (was.is === 'half_open' && is.is === 'open')
      must(
        (ended !== undefined || stuck) && is.openForMs === clampedMs(spec, was.openForMs * 2) && is.untilMs === step.nowMs + is.openForMs,
        'breakerMoves',
        says,
      );
    if (was.is === 'half_open' && ended !== undefined) must(is.is === 'open', 'breakerMoves', says);
    if (was.is !== 'closed' && is.is === 'closed') must(mayClose(step, name, was), 'breakerMoves', says);
  }

  #canaryChosen(step: Step): void {
    const was = step.before.canary;
    const is = step.after.canary;
    if (is === null || (was?.replica === is.replica && was.generation === is.generation)) return;
    const old = was === null ? undefined : engineIn(step.after, was.replica);
    const oldGoesOn =
      was !== null &&
      old?.generation === was.generation &&
      old.phase.is !== 'stuck' &&
      runOf(old)?.succeeded === false &&
      breakerIn(step.after, was.of).is === 'half_open';
    const replaced = commandOf(step) === 'reset' || revived(step) || step.event.type === 'rebooted';
    must(!oldGoesOn || replaced, 'oneCanary', () => `${step.pool}/${is.replica} is made canary while ${was?.replica} is it`);
    const chosen = engineIn(step.after, is.replica);
    if (chosen === undefined) return;
    for (const other of step.after.engines) {
      const replaced = step.after.rollout?.units.some(({ inPlace, replica }) => inPlace && replica === other.replica) === true;
      const candidate =
        !replaced && wanted(step.after, other) && other.phase.is === 'backoff' && (is.of === 'any' || other.lastFailureClass === is.of);
      if (!candidate || other.phase.is !== 'backoff' || (other.phase.why !== 'failure' && other.phase.dueMs > step.nowMs)) continue;
      // One that lost its generation in this very step was not there to be chosen.
      if (step.changes.some(({ was: before, is: after }) => after.replica === other.replica && before.phase.is !== 'backoff')) continue;
      const first = chosen.row < other.row || (chosen.row === other.row && chosen.replica < other.replica);
      must(
        first,
        'oneCanary',
        () => `${step.pool}/${is.replica} with ${chosen.row} failures is the canary, ${other.replica} has ${other.row}`,
      );
    }
  }
}

function classesOf({ before, after }: Step): Iterable<string> {
  if (before.classes === after.classes) return Object.keys(after.classes);
  return new Set([...Object.keys(before.classes), ...Object.keys(after.classes)]);
}

function breakerIn(state: PoolState, name: string): Breaker {
  return name === 'any' ? state.breaker : (state.classes[name]?.breaker ?? NO_BREAKER);
}

function clampedMs(spec: { readonly openForMs: number; readonly openForMaxMs: number }, durationMs: number): number {
  return Math.min(spec.openForMaxMs, Math.max(spec.openForMs, durationMs));
}

/** Success of the canary or of a retry, a reset, or nothing missing when its time is over. */
function mayClose(step: Step, name: string, was: Breaker): boolean {
  const { event } = step;
  if (revived(step)) return true;
  if (event.type === 'command' && event.command.do === 'reset') return event.command.class === null || event.command.class === name;
  const proven = step.changes.some(({ was: before, is }) => {
    const run = runOf(is);
    const canary = step.before.canary;
    const wasCanary = canary?.of === name && canary.replica === is.replica && canary.generation === is.generation;
    return run?.succeeded === true && runOf(before)?.succeeded === false && (run.cause === 'retry' || wasCanary);
  });
  const over = was.is === 'half_open' || (was.is === 'open' && step.nowMs >= was.untilMs);
  return proven || (over && !somethingMissing(step, name));
}

/** Wanted, to be started by the machine, and not there before or after this step. */
function somethingMissing(step: Step, name: string): boolean {
  const { after, before } = step;
  if (after.wanted.state !== 'running') return false;
  const over = takenOver(step);
  for (const replica of membersOf(after)) {
    const engine = engineIn(after, replica);
    if (engine === undefined) return true;
    if (!wanted(after, engine)) continue;
    if (name !== 'any' && engine.lastFailureClass !== name) continue;
    const { is } = engine.phase;
    const begun = engine.generation > (engineIn(before, replica)?.generation ?? 0) && !over.includes(replica) && is !== 'stuck';
    const run = runOf(engine);
    const tried = run?.cause === 'retry' && !run.succeeded && is !== 'stuck';
    if (is === 'backoff' || is === 'idle' || begun || tried) return true;
  }
  return false;
}

function engineMoved(step: Step, was: EngineState, is: EngineState): void {
  if (is.generation > was.generation && runOf(is)?.cause === 'manual') startedByHand(step, was, is);
  const from = was.breaker;
  const to = is.breaker;
  if (from === to || oldSpecAgain(step, is.replica)) return;
  const spec = specNow(step.after).breaker;
  const says = (): string =>
    `the breaker of ${step.pool}/${is.replica} goes from ${from.is} to ${to.is} by ${step.event.type}, row ${was.row} then ${is.row}`;
  const failed = recordsOf(step).some((entry) => entry.failure && replicaOf(entry) === is.replica);
  const reset = commandOf(step) === 'reset' || revived(step);
  if (from.is === 'closed' && to.is === 'open') must(failed && is.row >= spec.failureThreshold, 'breakerMoves', says);
  if (from.is === 'half_open' && to.is === 'open')
    must(failed && to.openForMs === clampedMs(spec, from.openForMs * 2), 'breakerMoves', says);
  if (from.is === 'open' && to.is === 'open') must(from.untilMs === to.untilMs, 'breakerMoves', says);
  if (from.is === 'open' && to.is === 'half_open') {
    const canary = step.after.canary?.replica === is.replica;
    const letGo = breakerLetGo(step, is);
    must(step.nowMs >= from.untilMs || canary || letGo, 'breakerMoves', says);
  }
  if (from.is !== 'closed' && to.is === 'closed') must(reset || runOf(is)?.succeeded === true || is.generation === 0, 'breakerMoves', says);
}

/** A person's start passes back-off and limiter, and no breaker that is open when it is asked. */
function startedByHand(step: Step, was: EngineState, is: EngineState): void {
  const { before, after } = step;
  // What a reload had ended it brings back, whatever holds starts back.
  const back =
    after.rollout?.step === 'back' && after.rollout.units.some(({ replica, step: at }) => replica === is.replica && at === 'returning');
  must(
    back || (after.breaker.is === 'closed' && is.breaker.is !== 'open'),
    'breakerHolds',
    () => `${step.pool}/${is.replica} is started by hand, the pool's breaker is ${before.breaker.is}, its own ${was.breaker.is}`,
  );
}

function breakerLetGo({ before, after }: Step, engine: EngineState): boolean {
  const pool = before.breaker.is !== 'closed' && after.breaker.is === 'closed';
  const name = engine.lastFailureClass ?? '';
  return pool || (breakerIn(before, name).is !== 'closed' && breakerIn(after, name).is === 'closed');
}
