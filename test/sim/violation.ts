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
  forced: '11 a force-stop at the deadline, never before, never after',
  kill: '10 KILL only after TERM and the grace, signals only to what is proved ours',
  killLate: '11 KILL never later than its time',
  probing: '12 probed exactly while it lives',
  thresholds: '13 ready and unready only by the thresholds',
  starts: '14 concurrent starts within their limits',
  ports: '15 a port has one owner',
  slots: '16 no more leases on an engine than its slots, each in its own',
  granted: '17 a grant is a free slot of a ready engine that takes leases',
  tokens: '18 tokens rise for ever; one is refused only when its own lease has ended',
  leaseOnce: '20 a lease ends once, for its reason, and its slot is free once',
  expiry: '21 time ends a lease when its TTL is over, not before and not after',
  revived: '22 an ended lease never comes back',
  durable: '23 an acknowledged grant outlives any death of the daemon',
  keys: '24 one key is one lease',
  capacity: '25 free and held slots are all there are',
  fifo: '26 by priority and age, first come, first served',
  waits: '27 every wait ends in its time',
  left: '28 whoever is out of the queue gets nothing more from it',
  queueLimit: '29 no more wait than may',
  wakeUp: '30 nobody waits beside a free slot',
  drains: '31 a drain serves those who were there before, until its deadline',
  deadline: '32 the deadline of a drain never moves back by itself, whoever dies',
  oneReload: '33 one reload at a time, all or nothing',
  rollback: '34 a failed reload leaves what there was',
  specs: '36 every engine runs by a spec that was accepted',
  leasedEngine: 'no lease on an engine that is neither ready nor unready',
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
