/**
 * Automatic restarts counted by brute force, from what ended and what was spawned, not from what the machine calls them:
 * an engine that failed owes a restart; the spawn that follows is one, unless a person, a canary or an engine breaker's one try made it.
 * Those that a closing breaker or a reset lets go are recovery: they count for the limiter and not for a storm.
 */
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { countOr, emitted, engineIn, lifeIn, recordsOf, replicaOf, revived, runOf, specNow, takenOver } from './questions.ts';

interface Counted {
  spawnedMs: number[];
  stormMs: number[];
  readonly owes: Map<number, 'restart' | 'recovery'>;
  limitWindowMs: number;
  /** 1 = at half of the limit, 2 = at the limit. */
  level: number;
}

const NO_RESTARTS = new Set(['manual', 'retry', 'canary', 'trial']);

export class RestartRule implements Rule {
  readonly #pools = new Map<string, Counted>();

  changed(step: Step): void {
    const counted = this.#of(step);
    if (step.event.type === 'rebooted') {
      counted.spawnedMs = [];
      counted.stormMs = [];
    }
    // A window that another spec makes longer reaches back to what was forgotten by the shorter one.
    if (step.event.type === 'configured') {
      const windowMs = specNow(step.after).restartLimit.windowMs;
      if (windowMs > counted.limitWindowMs)
        counted.spawnedMs = counted.spawnedMs.filter((atMs) => atMs + counted.limitWindowMs > step.nowMs);
      if (windowMs !== counted.limitWindowMs) counted.stormMs = [];
      counted.limitWindowMs = windowMs;
    }
    for (const entry of recordsOf(step))
      if (entry.failure && specNow(step.after).restart !== 'never') counted.owes.set(replicaOf(entry), 'restart');
    this.#told(step, counted);
    const window = windowOf(step, counted);
    const wasLevel = Math.min(counted.level, levelOf(window));
    for (const replica of takenOver(step)) counted.owes.delete(replica);
    for (const ref of step.spawns) if (lifeIn(step.after, ref)?.role === 'serving') this.#spawned(step, counted, ref.replica);
    if (!step.after.restoring && step.before.restoring === step.after.restoring)
      this.#warned(step, counted, { wasLevel, window: step.spawns.length === 0 ? window : windowOf(step, counted) });
    this.#recovers(step, counted);
    this.#stormOpened(step, counted);
  }

  #of(step: Step): Counted {
    const known = this.#pools.get(step.pool);
    if (known !== undefined) return known;
    const { windowMs } = specNow(step.after).restartLimit;
    const made: Counted = { spawnedMs: [], stormMs: [], owes: new Map(), limitWindowMs: windowMs, level: 0 };
    this.#pools.set(step.pool, made);
    return made;
  }

  /** A person's word takes the debt over, and so does whatever is not wanted any more. */
  #told(step: Step, { owes }: Counted): void {
    const stopped = stoppedIn(step);
    for (const { was, is } of step.changes) {
      if (is.phase.is === 'idle' || is.phase.is === 'ended' || stopped.includes(`${step.pool}/${is.replica}`)) owes.delete(is.replica);
      const run = runOf(is);
      if (is.generation === was.generation || run === null) continue;
      if (run.cause === 'manual' || run.cause === 'retry') owes.delete(is.replica);
      // One that failed once and had to give the canary's role away goes on as recovery.
      if (run.cause === 'canary' && is.lastFailureClass !== null) owes.set(is.replica, 'recovery');
    }
  }

  #spawned(step: Step, counted: Counted, replica: number): void {
    const owed = counted.owes.get(replica);
    const run = runOf(engineIn(step.after, replica));
    // A canary or a trial that cannot be spawned has not paid the debt.
    if (owed === undefined || run === null || NO_RESTARTS.has(run.cause)) return;
    counted.owes.delete(replica);
    counted.spawnedMs.push(step.nowMs);
    const { limit, windowMs, inWindow } = windowOf(step, counted);
    must(
      inWindow <= limit,
      'limiter',
      () => `${step.pool} has had ${inWindow} restarts in ${windowMs} ms, ${limit} are allowed; ${run.cause} of ${replica}`,
    );
    if (owed === 'restart') this.#stormCounted(step, counted);
  }

  /** One warning at half and one at the limit, per crossing: falling below arms it again. */
  #warned(step: Step, counted: Counted, { wasLevel, window }: { readonly wasLevel: number; readonly window: Window }): void {
    const told = emitted(step, 'restart.limited');
    const { limit, inWindow } = window;
    counted.level = levelOf({ limit, inWindow });
    const rises = counted.level > wasLevel;
    must(
      rises ? told.length === 1 && told[0]?.facts.level === (counted.level === 2 ? 'limit' : 'half') : told.length === 0,
      'limiter',
      () => `${step.pool} warns of ${told.map(({ facts }) => facts.level).join() || 'nothing'} at ${inWindow} of ${limit} restarts`,
    );
  }

  #stormCounted(step: Step, counted: Counted): void {
    const { count, windowMs } = specNow(step.after).storm;
    counted.stormMs = [...counted.stormMs.filter((atMs) => atMs + windowMs > step.nowMs), step.nowMs];
    const storm = counted.stormMs.length >= countOr(count, step.after);
    if (storm && step.before.breaker.is === 'closed') {
      must(
        step.after.breaker.is === 'open',
        'storm',
        () => `${step.pool}: ${counted.stormMs.length} restarts in ${windowMs} ms and its breaker is ${step.after.breaker.is}`,
      );
    }
  }

  #stormOpened(step: Step, counted: Counted): void {
    const opened = emitted(step, 'breaker.opened').some(({ facts }) => facts.opener === 'storm');
    if (!opened) return;
    const wantedCount = countOr(specNow(step.after).storm.count, step.after);
    const { length } = counted.stormMs;
    must(
      length >= wantedCount,
      'storm',
      () => `${step.pool} opened for a storm of ${length} restarts, ${wantedCount} make one: recovery must not count`,
    );
    counted.stormMs = [];
  }

  /** A breaker that closes, and a reset, let go what they held: recovery. */
  #recovers(step: Step, { owes, stormMs }: Counted): void {
    const command = step.event.type === 'command' && step.event.command.do === 'reset' ? step.event.command : null;
    const reset = command !== null || revived(step);
    const told = emitted(step, 'breaker.closed');
    if (told.length === 0 && !reset) return;
    const closed = told.flatMap(({ facts, engine }) => (engine === undefined ? [facts.class] : []));
    if (closed.length === 0 && !reset) return;
    if (command?.class === null || revived(step)) stormMs.length = 0;
    for (const engine of step.after.engines) {
      // The one try of a breaker that a reset closes under it is none any more: where that comes to nothing, what follows is recovery.
      const trying = reset && runOf(engine)?.cause === 'trial';
      const held = engine.phase.is === 'backoff' || startedIn(step, engine) || trying;
      const concerned =
        command?.class === null ||
        revived(step) ||
        command?.class === engine.lastFailureClass ||
        closed.includes('any') ||
        closed.includes(engine.lastFailureClass);
      const was = engineIn(step.before, engine.replica)?.phase;
      const tried = (was?.is === 'failed' && reset) || (was?.is === 'backoff' && was.cause === 'trial');
      if (held && concerned && (owes.has(engine.replica) || tried)) owes.set(engine.replica, 'recovery');
    }
  }
}

const NOBODY: readonly never[] = [];

/** Engines that are told of as stopped. What is said of a candidate says nothing of the engine that it was to replace. */
function stoppedIn(step: Step): readonly (string | undefined)[] {
  const told = emitted(step, 'engine.stopped');
  if (told.length === 0) return NOBODY;
  const began = emitted(step, 'engine.starting').filter(({ facts }) => facts.cause === 'candidate');
  return told
    .filter(({ engine, generation }) => {
      const beside = step.before.others.some((other) => other.generation === generation && engine === `${step.pool}/${other.replica}`);
      return !beside && !began.some((start) => start.engine === engine && start.generation === generation);
    })
    .map(({ engine }) => engine);
}

interface Window {
  readonly limit: number;
  readonly windowMs: number;
  readonly inWindow: number;
}

function windowOf(step: Step, { spawnedMs }: Counted): Window {
  const { count, windowMs } = specNow(step.after).restartLimit;
  let inWindow = 0;
  for (const atMs of spawnedMs) if (atMs + windowMs > step.nowMs) inWindow += 1;
  return { limit: countOr(count, step.after), windowMs, inWindow };
}

function levelOf({ limit, inWindow }: { readonly limit: number; readonly inWindow: number }): number {
  return inWindow >= limit ? 2 : inWindow >= Math.ceil(limit / 2) ? 1 : 0;
}

/** Let go and begun in one step. */
function startedIn(step: Step, engine: EngineState): boolean {
  return step.changes.some(({ was, is }) => is.replica === engine.replica && is.generation > was.generation && was.phase.is === 'backoff');
}
