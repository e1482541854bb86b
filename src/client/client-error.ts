import type { Code, Maintenance } from '../errors.ts';

/** What went wrong without an answer of the daemon. */
export type Unreached =
  /** Nobody listens there, or nothing is there. */
  | 'unreachable'
  /** The file system, or the role of the token, says no. */
  | 'no_access'
  | 'timed_out'
  | 'aborted'
  /** Somebody answers there, but it is not poold. */
  | 'not_poold';

export interface ClientErrorFacts {
  /** Of the HTTP answer; null where there was none. */
  readonly status: number | null;
  readonly pool?: string;
  readonly reason?: string;
  readonly retriable?: boolean;
  readonly retryAfterMs?: number;
  readonly maintenance?: Maintenance;
  readonly cause?: unknown;
}

/** A refusal by the daemon, with its own code and sentence, or the reason why there was no answer. */
export class ClientError extends Error {
  readonly code: Code | Unreached;
  readonly facts: ClientErrorFacts;

  constructor(code: Code | Unreached, message: string, facts: ClientErrorFacts) {
    const { cause, ...rest } = facts;
    super(message, cause === undefined ? {} : { cause });
    this.name = 'ClientError';
    this.code = code;
    this.facts = rest;
  }
}
