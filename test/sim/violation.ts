/** A promise that was broken: which one, and by what. The names are those of `research/failures.md`, section 4, where it has one. */

export const INVARIANTS = {
  oneProcess: '1 one live process per replica',
  treeGoneFirst: '2 no spawn before the previous tree is gone',
  breakerHolds: '3 no automatic spawn but the canary while a breaker is open',
  oneCanary: '3 exactly one canary, the right one',
  breakerMoves: '3 a breaker opens, half-opens and closes only for its reasons',
  limiter: '4 at most count automatic restarts in any window',
  backoff: '5 the delay before the k-th restart',
  notWanted: '6 no spawn of what is not wanted',
  generation: '7 generations rise, old ones change nothing',
  stoppedMeansGone: '8 stopped only when the tree is gone, stuck only left for a reason',
  intents: '9 each spawn intent is matched once',
  kill: '10 KILL only after TERM and the grace, signals only to what is proved ours',
  killLate: '11 KILL never later than its time',
  probing: '12 probed exactly while it lives',
  thresholds: '13 ready and unready only by the thresholds',
  starts: '14 concurrent starts within their limits',
  ports: '15 a port has one owner',
  shutdown: '37 after a shutdown what was promised is left',
  idempotent: '38 a stop twice is a stop once',
  recovered: '39 what the disk gives back is what was stored',
  replay: '40 a recovery twice gives no second effect; a decision is pure',
  events: '41 every change has one event, in order',
  wallClock: '44 the wall clock decides nothing',
  counters: '45 numbers equal recomputation',
  liveness: '48 without faults every pool gets to its wanted or an explained end',
  timers: 'a tick at dueMs gets on, and nothing is due that dueMs does not tell',
  storm: 'a storm opens the breaker, recovery does not',
  inUse: 'who uses an engine is what it last said, to this daemon',
  neighbours: 'one bad replica delays no other',
} as const;

export type Invariant = keyof typeof INVARIANTS;

export class Violation extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, says: string) {
    super(`${INVARIANTS[invariant]}: ${says}`);
    this.name = 'Violation';
    this.invariant = invariant;
  }
}

export function must(holds: boolean, invariant: Invariant, says: () => string): void {
  if (!holds) throw new Violation(invariant, says());
}
