/**
 * Every code that an answer, an operation or a log line of poold can carry, in one table.
 * `status` is the HTTP status of a request that is refused for it; `retriable` says whether the same request may succeed later.
 */
export const CODES = {
  pool_not_found: { status: 404, retriable: false, title: 'No such pool' },
  engine_not_found: { status: 404, retriable: false, title: 'No such engine' },
  operation_not_found: { status: 404, retriable: false, title: 'No such operation' },
  not_found: { status: 404, retriable: false, title: 'No such route' },
  method_not_allowed: { status: 405, retriable: false, title: 'Method not allowed' },
  invalid_request: { status: 400, retriable: false, title: 'Request not valid' },
  invalid_config: { status: 400, retriable: false, title: 'Configuration not valid' },
  unauthorized: { status: 401, retriable: false, title: 'Not authenticated' },
  forbidden: { status: 403, retriable: false, title: 'Not permitted' },
  conflict: { status: 409, retriable: true, title: 'In conflict with what is going on' },
  too_large: { status: 413, retriable: false, title: 'Request too large' },
  rate_limited: { status: 429, retriable: true, title: 'Too many requests' },
  breaker_open: { status: 503, retriable: true, title: 'The breaker is open' },
  no_ready_engine: { status: 503, retriable: true, title: 'No engine is ready' },
  pool_stopped: { status: 503, retriable: false, title: 'The pool is stopped' },
  pool_failed: { status: 503, retriable: false, title: 'The pool has failed' },
  storage_full: { status: 503, retriable: true, title: 'The disk is full' },
  shutting_down: { status: 503, retriable: true, title: 'The daemon is stopping' },
  start_timeout: { status: 503, retriable: true, title: 'The engine was not ready in time' },
  spawn_failed: { status: 503, retriable: true, title: 'The engine could not be started' },
  health_check_failed: { status: 503, retriable: true, title: 'The engine failed its health check' },
  internal: { status: 500, retriable: false, title: 'A fault of poold itself' },
} as const;

export type Code = keyof typeof CODES;

/** Facts that go into the problem reply beside the message. */
export interface Facts {
  readonly pool?: string;
  readonly reason?: string;
  readonly retryAfterMs?: number;
  /** Where it is not what the code says. */
  readonly retriable?: boolean;
}

/** What poold answers when it cannot do what it was asked; the message starts with what could not be done. */
export class PooldError extends Error {
  readonly code: Code;
  readonly facts: Facts;

  constructor(code: Code, message: string, facts: Facts & { cause?: unknown } = {}) {
    const { cause, ...rest } = facts;
    super(message, cause === undefined ? {} : { cause });
    this.name = 'PooldError';
    this.code = code;
    this.facts = rest;
  }
}
