/** The question `inUse`: how many use the engine, by a gauge of its own? What follows from it is decided elsewhere. */
import type { HttpProbe } from './http.ts';
import { METRICS_BODY_BYTES, probeHttp } from './http.ts';
import { sumsOf } from './metrics-text.ts';
import type { ProbeOutcome } from './outcome.ts';

export interface InUseOutcome extends ProbeOutcome {
  /** The sum over all label sets; there when ok. */
  readonly busy?: number;
}

/** Always resolves. An answer without the gauge is not ok: it does not say that nobody uses the engine. */
export async function probeInUse(probe: Omit<HttpProbe, 'maxBodyBytes'>, gauge: string): Promise<InUseOutcome> {
  const { body, ...outcome } = await probeHttp({ ...probe, maxBodyBytes: METRICS_BODY_BYTES });
  if (!outcome.ok) return outcome;
  const busy = sumsOf(body, [gauge]).get(gauge);
  if (busy !== undefined) return { ...outcome, busy };
  return {
    ok: false,
    message: `cannot tell who uses it: ${probe.path} has no ${gauge}; check the name, and that the engine exports metrics`,
  };
}
