/** Carries out one probe as the spec says it, with the templates filled in. */

import type { Clock } from '../../clock.ts';
import type { InUseSpec, ProbeAction, ProgressProbeSpec } from '../../config/spec.ts';
import { expand } from '../../config/template.ts';
import type { User } from '../surroundings.ts';
import { probeCommand } from './command.ts';
import { PROBE_BODY_BYTES, probeHttp } from './http.ts';
import type { InUseOutcome } from './in-use.ts';
import { probeInUse } from './in-use.ts';
import type { ProbeOutcome, Target } from './outcome.ts';
import type { ProgressOutcome } from './progress.ts';
import { probeProgress } from './progress.ts';
import { probeTcp } from './tcp.ts';

/** What is the same for all probes of one generation. */
export interface ProbeContext {
  readonly host: string;
  /** The engine's own, for probes that name none. */
  readonly port: number | null;
  /** For `${…}` in paths, ports, headers and commands. */
  readonly values: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** For exec probes: as the engine's own. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: User | null;
  readonly signal: AbortSignal;
}

/** Always resolves. */
export async function probeBy(action: ProbeAction, timeoutMs: number, context: ProbeContext): Promise<ProbeOutcome> {
  const { values, clock, signal } = context;
  if (action.by === 'exec') {
    const { env, cwd, user } = context;
    return probeCommand(clock, { argv: action.command.map((part) => expand(part, values)), env, cwd, user, timeoutMs, abort: signal });
  }
  const target = targetOf(action.port, context);
  if (target === null) return noPort(action.port);
  if (action.by === 'tcpSocket') return probeTcp({ target, timeoutMs, clock, signal });
  const maxBodyBytes = PROBE_BODY_BYTES;
  const { ok, message, refused } = await probeHttp({ target, ...filledIn(action, values), timeoutMs, maxBodyBytes, clock, signal });
  return { ok, message, refused: refused ?? false };
}

export async function probeProgressBy(spec: ProgressProbeSpec, context: ProbeContext): Promise<ProgressOutcome> {
  const target = targetOf(spec.port, context);
  if (target === null) return noPort(spec.port);
  const { clock, signal } = context;
  return probeProgress({ target, ...filledIn(spec, context.values), timeoutMs: spec.timeoutMs, clock, signal }, spec);
}

export async function probeInUseBy(spec: InUseSpec, context: ProbeContext): Promise<InUseOutcome> {
  const target = targetOf(spec.port, context);
  if (target === null) return noPort(spec.port);
  const { clock, signal } = context;
  return probeInUse({ target, ...filledIn(spec, context.values), timeoutMs: spec.timeoutMs, clock, signal }, spec.gauge);
}

/** Null when there is no port, or what the spec says is none once it is filled in. */
export function targetOf(port: string | null, context: ProbeContext): Target | null {
  const number = port === null ? context.port : Number(expand(port, context.values));
  return number !== null && Number.isInteger(number) && number > 0 && number < 65_536 ? { host: context.host, port: number } : null;
}

function noPort(port: string | null): ProbeOutcome {
  return {
    ok: false,
    message: port === null ? 'cannot probe: the engine has no port' : `cannot probe: ${port} is no port from 1 to 65535`,
  };
}

function filledIn(
  request: { readonly path: string; readonly headers: Readonly<Record<string, string>> },
  values: Readonly<Record<string, string>>,
): { path: string; headers: Record<string, string> } {
  const headers = Object.entries(request.headers).map(([name, value]) => [name, expand(value, values)]);
  return { path: expand(request.path, values), headers: Object.fromEntries(headers) };
}
