/**
 * The switch that stops automatic restarts: product.md, "Engine breaker", "Pool breaker", "Class breakers".
 *
 *   closed     restarts go on; `openForMs` is what the next opening will last
 *   open       nothing is restarted until `untilMs`
 *   half_open  one trial is under way; only its end decides: success closes, failure opens for twice as long
 *
 * One machine serves the engine's, the pool's and the classes' breakers. What counts as a failure, a success or a trial is the pool's business.
 */
import type { BreakerSpec } from '../config/spec.ts';

export type Breaker =
  | { readonly is: 'closed'; readonly sinceMs: number; readonly openForMs: number }
  | { readonly is: 'open'; readonly sinceMs: number; readonly untilMs: number; readonly openForMs: number }
  | { readonly is: 'half_open'; readonly openForMs: number };

/** A breaker closed for this long forgets how long it was open last. */
const FORGETS_AFTER_MS = 600_000;

type Durations = Pick<BreakerSpec, 'openForMs' | 'openForMaxMs'>;

export function closedBreaker(spec: Durations, nowMs: number): Breaker {
  return { is: 'closed', sinceMs: nowMs, openForMs: spec.openForMs };
}

/** From closed: opens for what it was open last, unless it has been closed long enough to forget. Otherwise unchanged. */
export function opened(breaker: Breaker, spec: Durations, nowMs: number): Breaker {
  if (breaker.is !== 'closed') return breaker;
  const forgot = nowMs - breaker.sinceMs >= FORGETS_AFTER_MS;
  return openFor(forgot ? spec.openForMs : breaker.openForMs, spec, nowMs);
}

/** The trial failed: open again for twice as long, at most `openForMaxMs`. Outside half-open unchanged. */
export function trialFailed(breaker: Breaker, spec: Durations, nowMs: number): Breaker {
  return breaker.is === 'half_open' ? openFor(breaker.openForMs * 2, spec, nowMs) : breaker;
}

/** The wait is over: open becomes half-open. Before that unchanged. */
export function waited(breaker: Breaker, nowMs: number): Breaker {
  return breaker.is === 'open' && nowMs >= breaker.untilMs ? { is: 'half_open', openForMs: breaker.openForMs } : breaker;
}

/** The trial succeeded, or there is nothing left to try. Already closed: unchanged. */
export function closed(breaker: Breaker, nowMs: number): Breaker {
  return breaker.is === 'closed' ? breaker : { is: 'closed', sinceMs: nowMs, openForMs: breaker.openForMs };
}

/** After a reboot: what was open may be tried at once, and the old clock's numbers are gone. */
export function rebooted(breaker: Breaker, nowMs: number): Breaker {
  return breaker.is === 'closed' ? { ...breaker, sinceMs: nowMs } : { is: 'half_open', openForMs: breaker.openForMs };
}

function openFor(durationMs: number, spec: Durations, nowMs: number): Breaker {
  const openForMs = Math.min(spec.openForMaxMs, Math.max(spec.openForMs, durationMs));
  return { is: 'open', sinceMs: nowMs, untilMs: nowMs + openForMs, openForMs };
}
