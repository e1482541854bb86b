/** The probe `progress`: is it at work, and does the work move? What follows from it is decided in the state machine. */
import type { ProgressProbeSpec } from '../../config/spec.ts';
import type { HttpProbe } from './http.ts';
import { METRICS_BODY_BYTES, probeHttp } from './http.ts';
import { sumsOf } from './metrics-text.ts';
import type { ProbeOutcome } from './outcome.ts';

export interface ProgressOutcome extends ProbeOutcome {
  /** Sums over all label sets; both are there when ok. */
  readonly busy?: number;
  readonly counter?: number;
}

/** Always resolves. An answer without one of the two series is not ok: it says nothing about a stall. */
export async function probeProgress(probe: Omit<HttpProbe, 'maxBodyBytes'>, spec: ProgressProbeSpec): Promise<ProgressOutcome> {
  const { body, ...outcome } = await probeHttp({ ...probe, maxBodyBytes: METRICS_BODY_BYTES });
  if (!outcome.ok) return outcome;
  const sums = sumsOf(body, [spec.busy, spec.counter]);
  const busy = sums.get(spec.busy);
  const counter = sums.get(spec.counter);
  if (busy !== undefined && counter !== undefined) return { ...outcome, busy, counter };
  const missing = busy === undefined ? spec.busy : spec.counter;
  return {
    ok: false,
    message: `cannot tell progress: ${probe.path} has no ${missing}; check the name, and that the engine exports metrics`,
  };
}
