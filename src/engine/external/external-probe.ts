/**
 * Asks somebody else's engine how it is: by the pool's readiness probe where that is a request or a connection, else by a connection. Always at the
 * address of its url, whatever port the probe names: that one is of poold's own engines. A command is never run for it.
 */
import type { Clock } from '../../clock.ts';
import type { PoolSpec, ProbeAction } from '../../config/spec.ts';
import { expand } from '../../config/template.ts';
import { PROBE_BODY_BYTES, probeHttp } from '../probes/http.ts';
import type { ProbeOutcome } from '../probes/outcome.ts';
import { repeat } from '../probes/repeat.ts';
import { probeTcp } from '../probes/tcp.ts';
import { templateValues } from '../url.ts';
import type { Thresholds } from './external-state.ts';
import type { ExternalHandoff } from './handoff-text.ts';

/** Where the pool has no readiness probe: the defaults of one (contract.md, `probes`), but asked more often, as a connection costs little. */
const DEFAULTS = { periodMs: 2_000, timeoutMs: 1_000, successThreshold: 1, failureThreshold: 3 } as const;

/** One that does not answer may be coming up: it is asked at least this often. */
const RETRY_MS = 1_000;

export interface ExternalProbe {
  readonly clock: Clock;
  readonly spec: PoolSpec;
  readonly handoff: ExternalHandoff;
  readonly report: (outcome: ProbeOutcome) => void;
}

export function thresholdsFor({ probes }: PoolSpec): Thresholds {
  return probes.readiness ?? DEFAULTS;
}

/** Asks at once and then at its pace, never twice at a time; returns what ends it: nothing is reported after that. */
export function probeExternal({ clock, spec, handoff, report }: ExternalProbe): () => void {
  const over = new AbortController();
  const { periodMs, timeoutMs, action } = spec.probes.readiness ?? { ...DEFAULTS, action: null };
  const stop = repeat({
    clock,
    firstDelayMs: 0,
    async round() {
      const outcome = await ask({ action, spec, handoff, timeoutMs, clock, signal: over.signal });
      if (!over.signal.aborted) report(outcome);
      return outcome.ok ? periodMs : Math.min(periodMs, RETRY_MS);
    },
  });
  return () => {
    stop();
    over.abort();
  };
}

interface Question extends Pick<ExternalProbe, 'clock' | 'spec' | 'handoff'> {
  readonly action: ProbeAction | null;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

async function ask({ action, spec, handoff, timeoutMs, clock, signal }: Question): Promise<ProbeOutcome> {
  const { pool, host, port, device, tls } = handoff;
  const target = { host, port };
  // Over TLS it would have to be known whom to trust: that it listens is all that can be told.
  if (action?.by !== 'httpGet' || tls) return probeTcp({ target, timeoutMs, clock, signal });
  const own = templateValues({ ref: { pool, replica: 0, generation: 0 }, spec, port, device });
  const values = { ...own, host, replica: '', generation: '' };
  const headers = Object.fromEntries(Object.entries(action.headers).map(([name, value]) => [name, expand(value, values)]));
  const path = expand(action.path, values);
  return probeHttp({ target, path, headers, timeoutMs, maxBodyBytes: PROBE_BODY_BYTES, clock, signal });
}
