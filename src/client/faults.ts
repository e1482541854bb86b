/** What a failed request means for whoever made it. */
import type { Code, Maintenance } from '../errors.ts';
import type { ClientErrorFacts } from './client-error.ts';
import { ClientError } from './client-error.ts';
import type { Target } from './target.ts';
import { placeOf } from './target.ts';

/** Nothing of the request can have been processed: no connection came about. */
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'ENOENT', 'UND_ERR_CONNECT_TIMEOUT', 'EAGAIN']);
/** A connection that was there went away, as a kept-alive one does when the daemon restarts. */
const CUT = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** `repeatable`: done twice it is as done once. */
export function mayRetry(error: unknown, repeatable: boolean): boolean {
  const code = codeOf(error);
  return NOT_CONNECTED.has(code) || (repeatable && CUT.has(code));
}

/** The refusal in an answer with status 400 and above. */
export function answerError(status: number, text: string, target: Target): ClientError {
  const problem = problemIn(text);
  if (problem === null) return strangerError(target, { status });
  const { code, detail, ...facts } = problem;
  return new ClientError(code, detail, { ...facts, status });
}

/** Somebody answers, in HTTP, but says what poold never would. */
export function strangerError(target: Target, facts: ClientErrorFacts): ClientError {
  return new ClientError(
    'not_poold',
    `cannot understand what answers at ${placeOf(target)} (HTTP ${facts.status}): it seems to be another program than poold`,
    facts,
  );
}

/** What undici, the network or the parser threw, as a sentence that says what to do. */
export function connectionError(error: unknown, target: Target): ClientError {
  if (error instanceof ClientError) return error;
  const [code, cause, place] = [codeOf(error), error, placeOf(target)];
  const fault = (kind: 'unreachable' | 'no_access' | 'not_poold', message: string): ClientError =>
    new ClientError(kind, message, { status: null, cause });
  if (error instanceof Error && error.name === 'AbortError')
    return new ClientError('aborted', 'cannot go on: it was called off', { status: null, cause });
  if (error instanceof Error && error.name === 'HTTPParserError')
    return fault('not_poold', `cannot talk to ${place}: what answers there does not speak HTTP as poold does`);
  switch (code) {
    case 'ENOENT':
      return fault(
        'unreachable',
        `cannot reach poold at ${place}: nothing is there; start it with poold run, or name its socket with --socket`,
      );
    case 'ECONNREFUSED':
      return fault(
        'unreachable',
        `cannot reach poold at ${place}: nobody listens there; start it with poold run, as a service with systemctl start poold`,
      );
    case 'EACCES':
    case 'EPERM':
      return fault(
        'no_access',
        `cannot open ${place}: you are not in the group that it belongs to; see ls -l, then usermod -aG GROUP USER, and log in again`,
      );
    case 'ENOTSOCK':
    case 'EPROTOTYPE':
      return fault(
        'not_poold',
        `cannot talk to ${place}: it is no socket that poold listens on; its api.sock lies in the runtime directory`,
      );
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
      return fault('unreachable', `cannot go on with poold at ${place}: the connection was cut; it may have been stopped`);
    default:
      return fault('unreachable', `cannot reach poold at ${place}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** undici wraps what happened, and a host with several addresses gives an AggregateError. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code, cause, errors } = error as { readonly code?: unknown; readonly cause?: unknown; readonly errors?: readonly unknown[] };
  if (typeof code === 'string' && code !== 'UND_ERR_SOCKET') return code;
  const inner = codeOf(cause) || codeOf(errors?.[0]);
  return inner || (typeof code === 'string' ? code : '');
}

interface ToldProblem {
  readonly code: Code;
  readonly detail: string;
  readonly pool?: string;
  readonly reason?: string;
  readonly retriable?: boolean;
  readonly retryAfterMs?: number;
  readonly maintenance?: Maintenance;
}

function problemIn(text: string): ToldProblem | null {
  try {
    const { code, detail, pool, reason, retriable, retryAfterMs, maintenance } = JSON.parse(text) as Partial<ToldProblem>;
    // A newer daemon may know more codes: whatever looks like one is taken for one.
    if (typeof code !== 'string' || typeof detail !== 'string' || !/^[a-z_]{1,64}$/.test(code)) return null;
    return {
      code,
      detail,
      ...(pool === undefined ? {} : { pool }),
      ...(reason === undefined ? {} : { reason }),
      ...(retriable === undefined ? {} : { retriable }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(maintenance === undefined ? {} : { maintenance }),
    };
  } catch {
    return null;
  }
}
