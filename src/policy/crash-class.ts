/**
 * Why a generation ended, in one word: product.md, "Crash class", first rule that fits.
 *   1 our own reason (requested, unhealthy, start_timeout)   2 a start that failed before there was an engine
 *   3 the kernel's oom killer   4 the first matching log pattern   5 a signal   6 error or clean   7 unknown
 */
import type { RestartPolicy } from '../config/spec.ts';

/** Classes that poold gives by itself; patterns add `gpu_oom`, `gpu`, `bad_model` and whatever the config names. */
export const OWN_CLASSES = [
  'requested',
  'unhealthy',
  'start_timeout',
  'spawn_failed',
  'prepare_failed',
  'port_busy',
  'device_busy',
  'starved',
  'oom',
  'signal',
  'error',
  'clean',
  'unknown',
] as const;

export type EndReason = 'requested' | 'unhealthy' | 'start_timeout';
export type StartFailure = 'spawn_failed' | 'prepare_failed' | 'port_busy' | 'device_busy' | 'starved';

export interface Ending {
  /** What we wrote down BEFORE we signalled it, or null when it ended unasked. */
  readonly reason: EndReason | null;
  readonly code: number | null;
  readonly signal: string | null;
  readonly oomKilled: boolean;
  readonly patternClass: string | null;
  /** It had been ready at least once. */
  readonly wasReady: boolean;
}

export function crashClass(ending: Ending): string {
  if (ending.reason !== null) return ending.reason;
  if (ending.oomKilled) return 'oom';
  if (ending.patternClass !== null) return ending.patternClass;
  if (ending.signal !== null) return 'signal';
  if (ending.code === null) return 'unknown';
  // Exit 0 before ready never served anybody: an error like any other.
  return ending.code === 0 && ending.wasReady ? 'clean' : 'error';
}

export type Verdict =
  /** Nothing went wrong: go on as wanted. */
  | 'as_wanted'
  /** A failure: count it, back off, start. */
  | 'restart'
  /** Not the engine's fault: wait and start, count nothing. */
  | 'blocked'
  | 'starved'
  /** Ended clean and is left so. */
  | 'stopped'
  /** A failure, and none is coming. */
  | 'failed';

/** Table A of product.md. */
export function verdict(klass: string, restart: RestartPolicy): Verdict {
  switch (klass) {
    case 'requested':
      return 'as_wanted';
    case 'clean':
      return restart === 'always' ? 'restart' : 'stopped';
    case 'port_busy':
    case 'device_busy':
      return 'blocked';
    case 'starved':
      return 'starved';
    default:
      return restart === 'never' ? 'failed' : 'restart';
  }
}

/** Whether table A counts the class as a failure. */
export function isFailure(klass: string, restart: RestartPolicy): boolean {
  const decided = verdict(klass, restart);
  return decided === 'restart' || decided === 'failed';
}
