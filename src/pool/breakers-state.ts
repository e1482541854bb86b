/**
 * The breakers of an engine, of the pool (`any`) and of single crash classes: product.md, "Engine breaker" to "Class breakers".
 * A half-open breaker of the pool or a class has exactly one canary, at most one in a pool at a time, and only its end decides.
 */
import type { EngineState, StartCause } from '../engine/engine-state.ts';
import type { Breaker } from '../policy/breaker.ts';
import { closed, closedBreaker, opened, trialFailed } from '../policy/breaker.ts';
import { isBeingReplaced } from '../rollout/replaced-state.ts';
import type { ClassState, PoolState } from './pool-state.ts';
import type { Turn } from './turn.ts';
import { currentSpec, emit, put, stampOf } from './turn.ts';
import { isWanted } from './wanted-state.ts';

/** The name of the pool's own breaker beside those of the classes. */
export const ANY = 'any';

export function isCanary(state: PoolState, engine: EngineState): boolean {
  return state.canary?.replica === engine.replica && state.canary.generation === engine.generation;
}

export function classState(turn: Turn, name: string): ClassState {
  return turn.state.classes[name] ?? { row: 0, breaker: closedBreaker(currentSpec(turn.state).breaker, turn.env.nowMs) };
}

export function putClass(turn: Turn, name: string, change: Partial<ClassState>): void {
  turn.state = { ...turn.state, classes: { ...turn.state.classes, [name]: { ...classState(turn, name), ...change } } };
}

export function poolBreakerOpened(turn: Turn, opener: PoolState['opener']): void {
  const breaker = opened(turn.state.breaker, currentSpec(turn.state).breaker, turn.env.nowMs);
  if (breaker === turn.state.breaker) return;
  turn.state = { ...turn.state, breaker, opener };
  breakerOpenAnnounced(turn, breaker, { class: ANY, opener });
}

export function breakerOpenAnnounced(
  turn: Turn,
  breaker: Breaker,
  facts: { readonly class: string; readonly opener?: string },
  engine?: EngineState,
): void {
  if (breaker.is !== 'open') return;
  const openUntil = stampOf(turn.env, breaker.untilMs);
  emit(turn, 'breaker.opened', { ...facts, openForMs: breaker.openForMs, openUntil, failureCount: engine?.row ?? null }, engine);
}

/** The canary failed: its breaker opens for twice as long. */
export function canaryFailed(turn: Turn, engine: EngineState): void {
  const { canary } = turn.state;
  if (canary === null || !isCanary(turn.state, engine)) return;
  const spec = currentSpec(turn.state).breaker;
  const breaker = trialFailed(breakerNamed(turn, canary.of), spec, turn.env.nowMs);
  putBreaker(turn, canary.of, breaker);
  turn.state = { ...turn.state, canary: null };
  breakerOpenAnnounced(turn, breaker, { class: canary.of });
}

/** The canary ended without having failed (stopped by a person, blocked, clean): the role goes on to the next. */
export function canaryLeft(turn: Turn, engine: EngineState): void {
  if (isCanary(turn.state, engine)) turn.state = { ...turn.state, canary: null };
}

/** Closes the breaker; those it held back are started by the limiter's leave, and count towards no storm. */
export function breakerClosed(turn: Turn, name: string): void {
  const { nowMs } = turn.env;
  const breaker = breakerNamed(turn, name);
  if (turn.state.canary?.of === name) turn.state = { ...turn.state, canary: null };
  if (breaker.is === 'closed') return;
  putBreaker(turn, name, closed(breaker, nowMs));
  emit(turn, 'breaker.closed', { class: name });
  for (const engine of turn.state.engines) {
    if (engine.phase.is !== 'backoff' || (name !== ANY && engine.lastFailureClass !== name)) continue;
    // An engine's own breaker follows the pool's, but no class's.
    const half: Breaker =
      name === ANY && engine.breaker.is === 'open' ? { is: 'half_open', openForMs: engine.breaker.openForMs } : engine.breaker;
    const dueMs = engine.phase.why === 'failure' ? nowMs : engine.phase.dueMs;
    put(turn, { ...engine, breaker: half, phase: { ...engine.phase, cause: causeLetGo(engine.phase.cause), dueMs } });
  }
}

/** A start that was held back, let go. What never failed, and what a person has asked for, is no restart: an engine that a scale has added, say. */
export function causeLetGo(cause: StartCause): StartCause {
  return cause === 'first' || cause === 'manual' ? cause : 'recovery';
}

/** The missing engines a half-open breaker of that name could try now: fewest failures first, then the lowest replica. */
export function canaryCandidates(state: PoolState, name: string, nowMs: number): EngineState[] {
  return triable(state, name)
    .filter((engine) => triableAtMs(engine) <= nowMs)
    .toSorted((one, other) => one.row - other.row || one.replica - other.replica);
}

/** Missing, and its place is not a reload's. */
export function triable(state: PoolState, name: string): EngineState[] {
  return missing(state, name).filter(({ replica }) => !isBeingReplaced(state, replica));
}

/** From when on it may be tried: a stranger that stands in its way is waited for, its back-off is not. */
export function triableAtMs({ phase }: EngineState): number {
  return phase.is === 'backoff' && phase.why !== 'failure' ? phase.dueMs : Number.NEGATIVE_INFINITY;
}

/** Wanted, and waiting for a start: `idle` only until this turn has decided on it. What a reload tries in its place is its business. */
export function missing(state: PoolState, name: string): EngineState[] {
  return state.engines.filter(
    (engine) =>
      isWanted(state, engine) &&
      !isBeingReplaced(state, engine.replica) &&
      (engine.phase.is === 'backoff' || engine.phase.is === 'idle') &&
      (name === ANY || engine.lastFailureClass === name),
  );
}

export function breakerNamed(turn: Turn, name: string): Breaker {
  return name === ANY ? turn.state.breaker : classState(turn, name).breaker;
}

export function putBreaker(turn: Turn, name: string, breaker: Breaker): void {
  if (name === ANY) turn.state = { ...turn.state, breaker };
  else putClass(turn, name, { breaker });
}
