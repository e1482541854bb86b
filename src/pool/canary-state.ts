/** What time does to open breakers: the pool's opens when all its engines' are open, then each is tried by one start. product.md, "Pool breaker". */
import type { EngineState } from '../engine/engine-state.ts';
import { isLive, livePhase } from '../engine/engine-state.ts';
import type { Breaker } from '../policy/breaker.ts';
import { waited } from '../policy/breaker.ts';
import { isBeingReplaced } from '../rollout/replaced-state.ts';
import { ANY, breakerClosed, breakerNamed, canaryCandidates, missing, poolBreakerOpened, putBreaker } from './breakers-state.ts';
import type { PoolState } from './pool-state.ts';
import { startBegun } from './starts-state.ts';
import type { Turn } from './turn.ts';
import { emit, engineIn, put } from './turn.ts';
import { isWanted, wantedReplicas } from './wanted-state.ts';

/** Lets time do its part: breakers that have waited long enough, canaries, and the pool's breaker when all its engines' are open. */
export function breakersAdvanced(turn: Turn): void {
  openedByEngines(turn);
  halfOpened(turn, ANY);
  if (turn.state.breaker.is === 'closed') {
    for (const name of Object.keys(turn.state.classes)) halfOpened(turn, name);
    for (const engine of turn.state.engines) trialDue(turn, engine);
  }
}

function openedByEngines(turn: Turn): void {
  const { state } = turn;
  if (state.breaker.is !== 'closed') return;
  const { sinceMs } = state.breaker;
  // One that lives is being tried by a person: its end will tell.
  const open = state.engines.filter((engine) => isOpen(engine.breaker, turn.env.nowMs) && !isLive(engine) && isWanted(state, engine));
  if (open.length === 0) return;
  const wanted = state.engines.filter((engine) => isWanted(state, engine));
  if (wanted.length < wantedReplicas(state).length) return;
  const failed = wanted.filter((engine) => engine.phase.is === 'failed' && !open.includes(engine));
  // Where it has closed since, as of what has failed nothing is missing, they are no news: it would open and close again until their own time is over.
  const news = open.filter(({ phase, breaker }) => phase.is !== 'failed' || breaker.is !== 'open' || breaker.sinceMs >= sinceMs);
  if (news.length > 0 && open.length + failed.length === wanted.length) poolBreakerOpened(turn, 'engines');
}

/** Open, and its time is not over: that of a failed engine stays open until somebody starts it. */
function isOpen(breaker: Breaker, nowMs: number): boolean {
  return breaker.is === 'open' && nowMs < breaker.untilMs;
}

function halfOpened(turn: Turn, name: string): void {
  const breaker = waited(breakerNamed(turn, name), turn.env.nowMs);
  if (breaker.is !== 'half_open') return;
  // A class waits for its turn: one canary at a time.
  if (turn.state.canary !== null) return;
  if (missing(turn.state, name).length === 0 && !someToCome(turn.state, name)) {
    breakerClosed(turn, name);
    return;
  }
  if (breakerNamed(turn, name).is === 'open') {
    putBreaker(turn, name, breaker);
    emit(turn, 'breaker.half_opened', { class: name });
  }
  const [chosen] = canaryCandidates(turn.state, name, turn.env.nowMs);
  if (chosen === undefined) return;
  const half: Breaker = chosen.breaker.is === 'open' ? { is: 'half_open', openForMs: chosen.breaker.openForMs } : chosen.breaker;
  const canary = startBegun(turn, { ...chosen, breaker: half }, 'canary');
  turn.state = { ...turn.state, canary: { of: name, replica: canary.replica, generation: canary.generation } };
}

/** Not missing, and yet to prove itself: what a person retries or starts, or a reload tries. A replica that a scale or another file has just added is missing in a moment. */
function someToCome(state: PoolState, name: string): boolean {
  if (name === ANY && wantedReplicas(state).some((replica) => engineIn(state, replica) === undefined)) return true;
  return state.engines.some((engine) => {
    if (isWanted(state, engine) && isBeingReplaced(state, engine.replica)) return name === ANY || engine.lastFailureClass === name;
    const live = livePhase(engine);
    const byHand = live?.run.cause === 'retry' || live?.run.cause === 'manual';
    const tried = live !== null && live.is !== 'stuck' && byHand && !live.run.succeeded;
    return tried && isWanted(state, engine) && (name === ANY || engine.lastFailureClass === name);
  });
}

/** An engine's own breaker has waited long enough: one try is due now, whatever back-off and limiter say. */
function trialDue(turn: Turn, engine: EngineState): void {
  if (engine.phase.is !== 'backoff' || isBeingReplaced(turn.state, engine.replica)) return;
  const breaker = waited(engine.breaker, turn.env.nowMs);
  if (breaker === engine.breaker || breaker.is !== 'half_open') return;
  const half = put(turn, { ...engine, breaker, phase: { ...engine.phase, cause: 'trial', dueMs: turn.env.nowMs } });
  emit(turn, 'breaker.half_opened', { class: ANY }, half);
}
