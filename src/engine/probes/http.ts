/** The probe `httpGet`: one deadline over connect, headers and body; a 2xx is a success, redirects are not followed. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:http';
import type { Clock } from '../../clock.ts';
import { timeLimit } from '../time-limit.ts';
import type { ProbeOutcome, Target } from './outcome.ts';
import { targetText } from './outcome.ts';

/** More of a body than this is not read: the connection is cut, the answer counts. */
export const PROBE_BODY_BYTES = 10 * 1024;
export const METRICS_BODY_BYTES = 1024 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;
const SHOWN_BODY_CHARACTERS = 200;

export interface HttpProbe {
  readonly target: Target;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly clock: Clock;
  /** Cuts the connection; the outcome is then of no use to anybody. */
  readonly signal: AbortSignal;
}

export interface HttpOutcome extends ProbeOutcome {
  /** Empty unless ok. */
  readonly body: string;
}

/** Always resolves, at the latest when `timeoutMs` are over; see `timeLimit`. */
export function probeHttp(probe: HttpProbe): Promise<HttpOutcome> {
  const url = `http://${targetText(probe.target)}${probe.path}`;
  return new Promise((resolve) => {
    let sent: ClientRequest | null = null;
    const settle = (outcome: ProbeOutcome, body = ''): void => {
      deadline.cancel();
      probe.signal.removeEventListener('abort', aborted);
      resolve({ ...outcome, body });
      // Behind the resolve: what the destruction still emits changes nothing.
      sent?.destroy();
    };
    const failed = (what: string): void => settle({ ok: false, message: `cannot probe ${url}: ${what}` });
    const aborted = (): void => failed('it was called off');
    const deadline = timeLimit(probe.clock, probe.timeoutMs, () => failed(`no complete answer within ${probe.timeoutMs} ms`));
    probe.signal.addEventListener('abort', aborted);
    if (probe.signal.aborted) return aborted();
    try {
      sent = request({
        host: probe.target.host,
        port: probe.target.port,
        path: probe.path,
        headers: probe.headers,
        // A connection of its own for each probe: one kept alive would prove nothing about the listener.
        agent: false,
        maxHeaderSize: MAX_HEADER_BYTES,
      });
    } catch (error) {
      return failed(`${(error as Error).message}; mend its path or headers`);
    }
    sent.on('error', (error: NodeJS.ErrnoException) => {
      settle({ ok: false, message: `cannot probe ${url}: ${error.message}`, refused: error.code === 'ECONNREFUSED' });
    });
    sent.on('upgrade', () => failed('it answered with an upgrade'));
    sent.on('close', () => failed('the connection was closed without an answer'));
    sent.on('response', (response) => {
      collect(response, probe.maxBodyBytes, (body, why) => {
        if (why !== null) failed(why);
        else settle({ ok: isSuccess(response), message: answerText(url, response, body) }, isSuccess(response) ? body : '');
      });
    });
    sent.end();
  });
}

/** Calls back with the body, or as much of it as may be read; with a reason when it broke off. */
function collect(response: IncomingMessage, maxBytes: number, done: (body: string, why: string | null) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const text = (): string => Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8');
  response.on('data', (chunk: Buffer) => {
    if (bytes >= maxBytes) return;
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= maxBytes) done(text(), null);
  });
  response.on('end', () => done(text(), null));
  response.on('error', (error) => done('', `the answer broke off: ${error.message}`));
}

function isSuccess(response: IncomingMessage): boolean {
  const status = response.statusCode ?? 0;
  return status >= 200 && status < 300;
}

function answerText(url: string, response: IncomingMessage, body: string): string {
  const status = response.statusCode ?? 0;
  if (isSuccess(response)) return `${url} answered ${status}`;
  if (status >= 300 && status < 400) return `${url} answered ${status}, and redirects are not followed; give the path it leads to`;
  return `${url} answered ${status}: ${body.slice(0, SHOWN_BODY_CHARACTERS).trim()}`;
}
