/**
 * What single probe results add up to: thresholds with hysteresis, and the stall of the progress probe. product.md, "Starting"; contract.md, `probes`.
 * Who wins: liveness and a stall twice as long as `stall` end the generation; a stall or the readiness threshold make it unready.
 * `inUse` is no health: it only tells who is on the engine, and so for how long liveness is patient with it.
 */
import type { PoolSpec } from '../config/spec.ts';

export interface Samples {
  readonly started: boolean;
  /** Results in a row of the same kind, and what they have established. */
  readonly readinessRow: number;
  readonly readinessOk: boolean | null;
  readonly readinessGood: boolean;
  readonly livenessFailures: number;
  /** Monotonic time since when a busy engine's work counter has not moved, and that counter. */
  readonly stalledSinceMs: number | null;
  readonly counter: number | null;
  readonly busy: boolean;
  /** When a busy engine's progress probe was last answered (monotonic); null for an idle one. */
  readonly answeredMs: number | null;
  readonly stalled: boolean;
  /** How many use the engine, by its own gauge. Null: unknown, as it has never answered or does not any more. */
  readonly inUse: number | null;
  /** Since that answer: questions in a row without one, counted as far as `UNKNOWN_AFTER`. */
  readonly inUseFailures: number;
  /** Monotonic time of the first liveness failure since the last good answer that was let pass; null where none was. */
  readonly lenientSinceMs: number | null;
  readonly message: string | null;
}

export const NO_SAMPLES: Samples = {
  started: false,
  readinessRow: 0,
  readinessOk: null,
  readinessGood: false,
  livenessFailures: 0,
  stalledSinceMs: null,
  counter: null,
  busy: false,
  answeredMs: null,
  stalled: false,
  inUse: null,
  inUseFailures: 0,
  lenientSinceMs: null,
  message: null,
};

/** So many questions without an answer, and nobody knows any more who uses the engine. */
const UNKNOWN_AFTER = 3;
/** How long liveness is patient with an engine in use whose work nobody looks at: the default of `progress.stall`. */
const LENIENT_MS = 90_000;

export interface ProbeResult {
  readonly kind: 'startup' | 'readiness' | 'liveness' | 'progress' | 'inUse';
  readonly ok: boolean;
  readonly message: string;
  /** Of progress and inUse when they were answered: the gauge. */
  readonly busy?: number;
  /** Of progress when it was answered. */
  readonly counter?: number;
}

export type Health = 'starting' | 'ready' | 'unready' | 'unhealthy';

type Probes = PoolSpec['probes'];
type Timed = ProbeResult & { readonly nowMs: number };

/** The samples with one more result in them. */
export function sampled(samples: Samples, probes: Probes, result: Timed): Samples {
  switch (result.kind) {
    case 'startup':
      if (result.ok) return samples.started ? samples : { ...samples, started: true };
      return told(samples, result.message);
    case 'readiness':
      return readinessSampled(samples, probes, result);
    case 'liveness':
      return livenessSampled(samples, probes, result);
    case 'progress':
      return progressSampled(samples, probes, result);
    case 'inUse':
      return inUseSampled(samples, result);
  }
}

/** Of an engine that went on while no daemon was there, nobody knows who uses it now. */
export function afterAbsence(samples: Samples): Samples {
  return samples.inUse === null && samples.inUseFailures === 0 ? samples : { ...samples, inUse: null, inUseFailures: 0 };
}

export function healthOf(samples: Samples, probes: Probes): Health {
  if (probes.startup !== null && !samples.started) return 'starting';
  if (probes.liveness !== null && samples.livenessFailures >= probes.liveness.failureThreshold) return 'unhealthy';
  if (probes.progress !== null && stoodForMs(samples) >= 2 * probes.progress.stallMs) return 'unhealthy';
  if (samples.stalled) return 'unready';
  return probes.readiness === null || samples.readinessGood ? 'ready' : 'unready';
}

/** How long a busy engine is known to have got no work done: up to the last answer, as no answer is not a stall. */
export function stoodForMs({ stalledSinceMs, answeredMs }: Samples): number {
  return stalledSinceMs === null || answeredMs === null ? 0 : answeredMs - stalledSinceMs;
}

function readinessSampled(samples: Samples, probes: Probes, result: ProbeResult): Samples {
  if (probes.readiness === null) return samples;
  const { successThreshold, failureThreshold } = probes.readiness;
  const threshold = result.ok ? successThreshold : failureThreshold;
  const row = samples.readinessOk === result.ok ? Math.min(threshold, samples.readinessRow + 1) : 1;
  const established = row >= threshold;
  // The same object where nothing has changed: then nothing is stored either.
  if (samples.readinessOk === result.ok && samples.readinessRow === row && established && samples.readinessGood === result.ok) {
    return result.ok ? samples : told(samples, result.message);
  }
  return {
    ...samples,
    readinessOk: result.ok,
    readinessRow: row,
    readinessGood: established ? result.ok : samples.readinessGood,
    message: result.ok ? samples.message : result.message,
  };
}

/**
 * A busy engine that still gets work done may be too busy to answer: its liveness failures do not count (product.md, "lenient while busy"), for as
 * long as `stall` after the progress probe has last said so. One that answers nothing at all any more hangs. One that only says that it is in use
 * may hang with its users: that makes liveness patient for no longer than `stall`, from the first failure that was let pass.
 */
function livenessSampled(samples: Samples, probes: Probes, result: Timed): Samples {
  if (result.ok) {
    const good = samples.livenessFailures === 0 && samples.lenientSinceMs === null;
    return good ? samples : { ...samples, livenessFailures: 0, lenientSinceMs: null };
  }
  const lenientSinceMs = samples.lenientSinceMs ?? result.nowMs;
  const inUse = samples.inUse !== null && samples.inUse > 0 && result.nowMs - lenientSinceMs < (probes.progress?.stallMs ?? LENIENT_MS);
  if (!samples.stalled && (inUse || worked(samples, probes, result.nowMs))) {
    return told(lenientSinceMs === samples.lenientSinceMs ? samples : { ...samples, lenientSinceMs }, result.message);
  }
  return { ...samples, livenessFailures: samples.livenessFailures + 1, message: result.message };
}

function worked({ answeredMs }: Samples, { progress }: Probes, nowMs: number): boolean {
  return progress !== null && answeredMs !== null && nowMs - answeredMs < progress.stallMs;
}

/** The last answer stands until `UNKNOWN_AFTER` questions in a row had none; so it is never older than those take. */
function inUseSampled(samples: Samples, { ok, busy }: ProbeResult): Samples {
  const inUseFailures = ok && busy !== undefined ? 0 : Math.min(UNKNOWN_AFTER, samples.inUseFailures + 1);
  const inUse = inUseFailures === 0 ? (busy ?? null) : inUseFailures < UNKNOWN_AFTER ? samples.inUse : null;
  return samples.inUse === inUse && samples.inUseFailures === inUseFailures ? samples : { ...samples, inUse, inUseFailures };
}

/** No answer is not a stall: it leaves everything as it was. */
function progressSampled(samples: Samples, probes: Probes, result: Timed): Samples {
  if (probes.progress === null || !result.ok || result.busy === undefined || result.counter === undefined) return samples;
  const busy = result.busy > 0;
  const stuck = busy && samples.busy && samples.counter === result.counter;
  const stalledSinceMs = stuck ? (samples.stalledSinceMs ?? result.nowMs) : busy ? result.nowMs : null;
  const stalled = stuck && stalledSinceMs !== null && result.nowMs - stalledSinceMs >= probes.progress.stallMs;
  return {
    ...samples,
    busy,
    answeredMs: busy ? result.nowMs : null,
    counter: result.counter,
    stalledSinceMs,
    stalled,
    message: stalled ? `busy, but its work counter has stood at ${result.counter}` : samples.message,
  };
}

function told(samples: Samples, message: string): Samples {
  return samples.message === message ? samples : { ...samples, message };
}
