/**
 * Every code that an answer, an operation or a log line of poold can carry, in one table.
 * `status` is the HTTP status of a request that is refused for it; `retriable` says whether the same request may succeed later.
 */
export const CODES = {
  pool_not_found: { status: 404, retriable: false, title: 'No such pool' },
  engine_not_found: { status: 404, retriable: false, title: 'No such engine' },
  operation_not_found: { status: 404, retriable: false, title: 'No such operation' },
  lease_not_found: { status: 404, retriable: false, title: 'No such lease' },
  lease_ended: { status: 410, retriable: false, title: 'The lease has ended' },
  stale_token: { status: 409, retriable: false, title: 'Not the token of this lease' },
  ticket_not_found: { status: 404, retriable: true, title: 'No such ticket' },
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
  no_free_slot: { status: 503, retriable: true, title: 'All slots are held' },
  queue_full: { status: 429, retriable: true, title: 'The queue is full' },
  queue_timeout: { status: 503, retriable: true, title: 'Waited as long as was asked' },
  leases_held: { status: 409, retriable: true, title: 'Leases are held' },
  drain_timeout: { status: 503, retriable: true, title: 'The drain ran out of time' },
  reload_failed: { status: 503, retriable: true, title: 'The reload failed' },
  pool_draining: { status: 503, retriable: true, title: 'The pool is draining' },
  pool_paused: { status: 503, retriable: true, title: 'The pool is paused' },
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
  /** Of a refusal while draining. */
  readonly maintenance?: Maintenance;
}

export interface Maintenance {
  readonly type: 'drain';
  readonly allowsQueueProcessing: boolean;
  readonly acceptsNewConnections: boolean;
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
