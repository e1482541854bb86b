/** How long a failed engine waits for its next start: product.md, "Back-off". */
import type { BackoffSpec } from '../config/spec.ts';

export interface BackoffInput {
  /** Failures in a row, this one included: 1, 2, 3 … */
  readonly failures: number;
  readonly crashClass: string;
  /** A draw from [0, 1). */
  readonly random: number;
}

/**
 * The delay in milliseconds before the restart that follows failure number `failures`:
 * clamp(min(limit, delay × factor^(failures−1) × classMultiplier) × (1 ± jitter), minDelay, limit).
 * Never NaN and never above `limitMs`, however large `failures` grows.
 */
export function backoffDelayMs(spec: BackoffSpec, input: BackoffInput): number {
  const multiplier = Object.hasOwn(spec.classes, input.crashClass) ? (spec.classes[input.crashClass] ?? 1) : 1;
  const first = spec.delayMs * multiplier;
  // The power reaches Infinity, and 0 × Infinity would be NaN: a delay of 0 stays 0.
  const base = first === 0 ? 0 : Math.min(spec.limitMs, first * spec.factor ** Math.max(0, input.failures - 1));
  const spread = 1 + spec.jitter * (2 * input.random - 1);
  return Math.min(spec.limitMs, Math.max(spec.minDelayMs, base * spread));
}

/** The slow retry of a start that a stranger stands in the way of (`port_busy`, `device_busy`): 10 s, doubling to 60 s. */
export function blockedDelayMs(attempt: number): number {
  return Math.min(60_000, 10_000 * 2 ** Math.min(10, Math.max(0, attempt - 1)));
}
