/** From whatever a request met on its way to one of our codes. */
import { isUtf8 } from 'node:buffer';
import { PooldError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import type { ApiLog } from './ports.ts';
import { parseStrictJson } from './strict-json.ts';

/** Ours as it is, the framework's refusals by their status; anything else is a fault of our own: logged whole, told without details. */
export function pooldError(error: unknown, { log, requestId }: { readonly log: ApiLog; readonly requestId: string }): PooldError {
  if (error instanceof PooldError) {
    if (error.code === 'internal') log.error({ err: error, requestId }, 'cannot answer a request');
    return error;
  }
  const { statusCode, code } = typeof error === 'object' && error !== null ? (error as { statusCode?: unknown; code?: unknown }) : {};
  if (statusCode === 413) return new PooldError('too_large', `cannot read the body: it is larger than ${LIMITS.bodyBytes} bytes`);
  if (statusCode === 415) return new PooldError('invalid_request', 'cannot read the body: send it as Content-Type: application/json');
  if (code === 'FST_ERR_BAD_URL') return new PooldError('invalid_request', 'cannot read the path: its percent-encoding is broken');
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') return new PooldError('invalid_request', 'cannot read the path: a name in it is too long');
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new PooldError('invalid_request', 'cannot read the request: its length or form is wrong');
  log.error({ err: error, requestId }, 'cannot answer a request');
  return new PooldError('internal', `cannot answer: a fault of poold itself; its log has the details under ${requestId}`);
}

/** As the framework wants its body parsers. An empty body is an empty object. */
export function readBody(body: Buffer, done: (error: Error | null, value?: unknown) => void): void {
  try {
    done(null, body.length === 0 ? {} : parseStrictJson(utf8(body)));
  } catch (error) {
    done(error as Error);
  }
}

function utf8(body: Buffer): string {
  if (!isUtf8(body)) throw new PooldError('invalid_request', 'cannot read the body: it is not UTF-8');
  return body.toString();
}
