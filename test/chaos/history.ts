/** What clients saw of a daemon that was killed again and again: all that `check.ts` judges by. Times are monotonic milliseconds. */

export type Answer =
  | { readonly is: 'granted'; readonly grant: Grant }
  | { readonly is: 'renewed'; readonly ttlMs: number }
  | { readonly is: 'verified' }
  /** Of a release or a revocation. */
  | { readonly is: 'released' }
  /** Of a release: it was over before. */
  | { readonly is: 'alreadyEnded' }
  /** Of a connection: it stood, until its client hung up, it broke, or the daemon said that the lease is over. */
  | { readonly is: 'bound'; readonly over: 'left' | 'broken' | 'ended' }
  | { readonly is: 'refused'; readonly code: string }
  /** The connection broke, or the answer is yet to come: it may have been done, or not. */
  | { readonly is: 'none' };

export interface Grant {
  readonly lease: string;
  readonly token: string;
  readonly engine: string;
  readonly generation: number;
  readonly slot: number;
  readonly ttlMs: number;
}

interface Timed {
  readonly client: string;
  readonly pool: string;
  readonly beginMs: number;
  /** When the answer was there, or the client gave up; Infinity until then. */
  endMs: number;
  answer: Answer;
}

/** Each new wish has a holder of its own; with a key it is asked again under that holder. */
export interface Acquisition extends Timed {
  readonly kind: 'acquire';
  readonly holder: string;
  readonly key: string | null;
  /** By a key that was sent before. */
  readonly again: boolean;
}

export interface Use extends Timed {
  readonly kind: 'renew' | 'release' | 'revoke' | 'verify';
  readonly lease: string;
  /** Of a renewal: asked for; null is as before. */
  readonly ttlMs: number | null;
}

/** A connection that holds a lease: what is left of a streaming acquire behind its grant, or an attach. */
export interface Binding extends Timed {
  readonly kind: 'bind';
  readonly lease: string;
  /** The first line that said so was there; Infinity until then. */
  boundMs: number;
  /** The client began to hang up; Infinity until then. */
  leftMs: number;
}

export type Operation = Acquisition | Use | Binding;

/** Something was done to the engines of a pool on purpose: until they are as before, its leases may be cut and its doors closed. */
export interface Move {
  readonly pool: string;
  readonly says: string;
  readonly beginMs: number;
  endMs: number;
}

/** One daemon. What it did lies between its spawn and its death. */
export interface Life {
  readonly spawnedMs: number;
  /** Until here nobody could get in. */
  closedUntilMs: number;
  /** Somebody had been answered by then; null: nobody ever was. */
  openMs: number | null;
  /** Its death came after the one and before the other; Infinity while it lives. */
  diedAfterMs: number;
  diedBeforeMs: number;
}

export interface Listed {
  readonly lease: string;
  readonly holder: string;
  readonly engine: string;
  readonly generation: number;
  readonly slot: number;
  readonly heldMs: number;
  /** Told by the daemon, on the monotonic clock. */
  readonly expiresMs: number;
}

/** What the daemon said is held. */
export interface Listing {
  readonly beginMs: number;
  readonly endMs: number;
  readonly leases: readonly Listed[];
}

/** Highest token of a pool that leases had which are not looked at any more, and when they were over. */
export interface Floor {
  readonly token: string;
  readonly atMs: number;
}

export interface History {
  readonly floors: ReadonlyMap<string, Floor>;
  /** Grows as they are asked. */
  readonly operations: Operation[];
  readonly listings: readonly Listing[];
  readonly lives: readonly Life[];
  readonly moves: readonly Move[];
}

/** Its kinds are the names of the promises. */
export type Promised =
  | 'held-over-death'
  | 'full-ttl-after-start'
  | 'one-per-slot'
  | 'token-once'
  | 'tokens-rise'
  | 'ended-for-good'
  | 'one-lease-per-key'
  | 'held-by-who-asked'
  | 'refused-with-cause'
  | 'bound-while-connected'
  | 'bound-no-longer'
  | 'engines-as-before'
  | 'engines-come-back'
  | 'one-process-per-replica'
  | 'adopted-in-time';

export interface Violation {
  readonly promise: Promised;
  readonly says: string;
}
