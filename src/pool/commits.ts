/**
 * One commit for all that was asked of leases in one turn of the event loop, over all pools: a caller waits for no other, and many share one write.
 * ORDER: all pools decide, then all is stored, then each announces and answers. What could not be stored has not happened.
 */
import { PooldError } from '../errors.ts';
import { failpoint } from '../failpoint.ts';
import type { LeaseEvent } from '../lease/lease-events.ts';
import type { Batch, Store } from '../store/store.ts';
import type { Effect } from './effects.ts';
import type { PoolState } from './pool-state.ts';
import { isEmpty } from './rows.ts';

/** What a pool has decided and nobody has stored yet. */
export interface Decided {
  readonly asked: readonly LeaseEvent[];
  readonly before: PoolState;
  readonly effects: readonly Effect[];
  readonly batch: Batch;
}

interface Member {
  decide(): Decided;
  stood(decided: Decided): void;
  undone(decided: Decided, why: 'storage_full' | 'internal'): void;
}

export class Commits {
  readonly #store: Store;
  readonly #fault: (error: unknown) => void;
  readonly #due = new Set<Member>();

  constructor(store: Store, fault: (error: unknown) => void) {
    this.#store = store;
    this.#fault = fault;
  }

  /** The member has something to decide at the end of this turn. */
  due(member: Member): void {
    if (this.#due.size === 0) setImmediate(() => this.#commit());
    this.#due.add(member);
  }

  #commit(): void {
    const members = [...this.#due];
    this.#due.clear();
    const decided = members.map((member) => ({ member, what: member.decide() }));
    const batch = together(decided.map(({ what }) => what.batch));
    try {
      if (!isEmpty(batch)) {
        failpoint('commit:before');
        this.#store.commit(batch);
        failpoint('commit:after');
      }
    } catch (error) {
      const full = error instanceof PooldError && error.code === 'storage_full';
      for (const { member, what } of decided) member.undone(what, full ? 'storage_full' : 'internal');
      if (!full) this.#fault(error);
      return;
    }
    for (const { member, what } of decided) member.stood(what);
  }
}

function together(batches: readonly Batch[]): Batch {
  const [only] = batches;
  if (only !== undefined && batches.length === 1) return only;
  return {
    pools: batches.flatMap(({ pools }) => pools),
    engines: batches.flatMap(({ engines }) => engines),
    operations: batches.flatMap(({ operations }) => operations),
    exits: batches.flatMap(({ exits }) => exits),
    leases: batches.flatMap(({ leases }) => leases),
    ended: batches.flatMap(({ ended }) => ended),
  };
}
