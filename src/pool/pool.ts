/**
 * One pool at work: a mailbox that handles one event at a time. ORDER per event: decide, store, announce, then act.
 * There is no policy here; what is to be done comes from `pool-next-state.ts` as effects.
 *
 * What is asked of leases is many small things: `ask` lets them wait until the turn of the event loop is over, and all that came meanwhile, to any
 * pool, is decided then and stored by one commit (`commits.ts`). Events that came in that turn are older: they are decided first.
 */
import type { Clock, Timer } from '../clock.ts';
import { momentOf } from '../clock.ts';
import type { EngineRef } from '../engine/identity.ts';
import { PooldError } from '../errors.ts';
import type { Happening } from '../events/event.ts';
import { effectPoint, failpoint } from '../failpoint.ts';
import type { Refused } from '../lease/lease.ts';
import type { LeaseEars } from '../lease/lease-ears.ts';
import type { LeaseEvent } from '../lease/lease-events.ts';
import type { Batch, Store } from '../store/store.ts';
import type { Commits, Decided } from './commits.ts';
import { dueMs } from './due-state.ts';
import { EffectRunner } from './effect-runner.ts';
import type { Effect } from './effects.ts';
import type { HistoryEntry } from './host.ts';
import type { PoolEvent } from './pool-events.ts';
import { next } from './pool-next-state.ts';
import type { PoolState } from './pool-state.ts';
import type { Room } from './room.ts';
import { endedRows, isEmpty, rowsOf } from './rows.ts';
import type { StartGate } from './start-gate.ts';
import { generationIn } from './turn.ts';
import type { Records } from './unstored.ts';
import { Unstored } from './unstored.ts';

export interface PoolParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly commits: Commits;
  readonly room: Room;
  readonly gate: StartGate;
  readonly leases: LeaseEars;
  readonly publish: (happening: Happening) => void;
  /** Faults of ours that no caller can be told of. */
  readonly fault: (error: unknown) => void;
  readonly bootId: string;
}

/** After a commit for leases that the disk had no room for: what time does to them is looked at again only then. */
const FULL_RETRY_MS = 1_000;

/** With a full disk: a pool to which nothing happens would otherwise never find out that there is room. */
const STORE_AGAIN_MS = 5_000;

export class Pool {
  readonly unstored = new Unstored();
  readonly #parts: PoolParts;
  readonly #runner: EffectRunner;
  readonly #mail: PoolEvent[] = [];
  readonly #asked: LeaseEvent[] = [];
  #state: PoolState;
  #stored: PoolState | null;
  /** Something has happened that no commit has taken yet. */
  #owes = false;
  #busy = false;
  #timer: Timer | null = null;
  /** When it rings; monotonic. */
  #armedMs = Number.POSITIVE_INFINITY;
  #closed = false;

  /** `stored` is what the store holds already, or null for a pool it has not seen. */
  constructor(parts: PoolParts, state: PoolState, stored: PoolState | null) {
    this.#parts = parts;
    this.#state = state;
    this.#stored = stored;
    this.#runner = new EffectRunner({
      ...parts,
      state: () => this.#state,
      post: (event) => this.post(event),
      record: (entry) => this.#record(entry),
    });
  }

  get state(): PoolState {
    return this.#state;
  }

  /** Handles the event, and whatever it brings at once, before it returns. Throws PooldError `storage_full` for a command that could not be stored. */
  post(event: PoolEvent): void {
    if (this.#closed) return;
    this.#mail.push(event);
    if (this.#busy) return;
    this.#busy = true;
    const before = this.#state;
    try {
      this.#emptied();
    } finally {
      this.#busy = false;
      // To ask all engines when something is due costs more than such an answer.
      if (event.type !== 'probed' || this.#state !== before) this.#arm();
    }
  }

  /** Decides it at the end of this turn of the event loop; the answer comes over the ears when it is stored. */
  ask(event: LeaseEvent): void {
    if (this.#closed) return this.#refuse([event], this.#ending());
    this.#asked.push(event);
    if (this.#asked.length === 1) this.#parts.commits.due(this);
  }

  /** All that was asked, decided but neither stored nor told. */
  decide(): Decided {
    const asked = this.#asked.splice(0);
    const moment = momentOf(this.#parts.clock);
    const before = this.#state;
    const effects: Effect[] = [];
    for (const event of asked) {
      const [state, more] = next(this.#state, event, moment);
      this.#state = state;
      for (const effect of more) effects.push(effect);
    }
    return { asked, before, effects, batch: this.#batch(recordsOf(this.#state.name, effects)) };
  }

  /** It is stored: now it is announced and done. */
  stood({ effects }: Decided): void {
    this.#isStored();
    this.#announce(effects);
    this.#busy = true;
    try {
      for (const effect of effects) this.#run(effect, 'stored');
      this.#emptied();
    } finally {
      this.#busy = false;
      this.#arm();
    }
  }

  /** It could not be stored: nothing of it has happened, and whoever asked is told so. */
  undone({ asked, before }: Decided, why: 'storage_full' | 'internal'): void {
    this.#state = before;
    const { name } = before;
    const says = why === 'storage_full' ? 'the disk of the state directory is full; make room and ask again' : 'a fault of poold itself';
    this.#refuse(asked, { code: why, message: `cannot change the leases of ${name}: ${says}`, facts: { pool: name } });
  }

  /** Takes no more mail: what the engines do from now on is the next daemon's business. Whoever waits for an answer has it. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#refuse(this.#asked.splice(0), this.#ending());
  }

  #ending(): Refused {
    const { name } = this.#state;
    return { code: 'shutting_down', message: `cannot change the leases of ${name}: the daemon is stopping`, facts: { pool: name } };
  }

  #refuse(asked: readonly LeaseEvent[], refused: Refused): void {
    for (const { to } of asked) this.#parts.leases.answered(to, { is: 'refused', refused });
  }

  /** Also what comes while an event is handled, in the order of its coming. */
  #emptied(): void {
    for (let mail = this.#mail.shift(); mail !== undefined; mail = this.#mail.shift()) this.#handle(mail);
  }

  #handle(event: PoolEvent): void {
    const before = this.#state;
    const [state, effects] = next(before, event, momentOf(this.#parts.clock));
    this.#state = state;
    const stored = this.#store(effects, event);
    if (stored === 'refused') {
      this.#state = before;
      throw new PooldError(
        'storage_full',
        `cannot record the command for ${before.name}: the disk of the state directory is full; make room and ask again`,
        { pool: before.name },
      );
    }
    this.#announce(effects);
    for (const effect of effects) this.#run(effect, stored);
  }

  #announce(effects: readonly Effect[]): void {
    for (const effect of effects) if (effect.do === 'emit') this.#parts.publish(effect.happening);
  }

  #run(effect: Effect, stored: 'stored' | 'unstored'): void {
    // Without its intent on disk a spawn could not be found again by the next daemon.
    if (stored === 'unstored' && effect.do === 'spawn') {
      this.post({
        type: 'startFailed',
        ...effect.ref,
        class: 'starved',
        message: 'cannot store the intent to start it: the disk of the state directory is full',
      });
      return;
    }
    if (stored === 'unstored' && effect.do === 'release' && this.#isBelieved(effect.ref)) return this.unstored.putOff(effect);
    effectPoint(effect.do, 'before');
    this.#runner.run(effect);
    effectPoint(effect.do, 'after');
  }

  /** The store has it for one that may run: with its run record the next daemon would still know how it ended. */
  #isBelieved(ref: EngineRef): boolean {
    return this.#stored !== null && generationIn(this.#stored, ref) !== undefined;
  }

  /** On a full disk a command is refused; anything else has happened, and is stored with the next commit that goes through. */
  #store(effects: readonly Effect[], event: PoolEvent): 'stored' | 'unstored' | 'refused' {
    const records = recordsOf(this.#state.name, effects);
    if (this.#committed(records)) return 'stored';
    if (event.type === 'command' || event.type === 'cancel') return 'refused';
    this.#keep(records);
    return 'unstored';
  }

  /** What has changed and what has ended, with whatever was left over from before. */
  #batch(records: Records): Batch {
    return { ...rowsOf(this.#state, this.#stored, this.#parts.bootId), ...this.unstored.before(records) };
  }

  /** False on a full disk: then nothing of it is stored. */
  #committed(records: Records): boolean {
    const batch = this.#batch(records);
    if (isEmpty(batch)) return true;
    try {
      failpoint('commit:before');
      this.#parts.store.commit(batch);
      failpoint('commit:after');
    } catch (error) {
      if (!(error instanceof PooldError) || error.code !== 'storage_full') throw error;
      return false;
    }
    this.#isStored();
    return true;
  }

  #isStored(): void {
    this.#stored = this.#state;
    this.#owes = false;
    for (const effect of this.unstored.stored()) this.#run(effect, 'stored');
  }

  #keep(records: Records): void {
    this.#owes = true;
    this.unstored.keep(records);
  }

  /** A later word on a generation whose end is recorded. */
  #record(entry: HistoryEntry): void {
    const records = { operations: [], exits: [entry], ended: [] };
    if (this.#committed(records)) return;
    this.#keep(records);
    this.#arm();
  }

  #arm(): void {
    if (this.#closed) return;
    const { clock, store } = this.#parts;
    const nowMs = clock.nowMs();
    const due = Math.min(dueMs(this.#state, nowMs), this.#owes ? nowMs + STORE_AGAIN_MS : Number.POSITIVE_INFINITY);
    const atMs = store.full ? Math.max(due, nowMs + FULL_RETRY_MS) : due;
    // Most of what is asked of leases changes nothing of it, and timers cost more than the asking.
    if (this.#timer !== null && atMs === this.#armedMs) return;
    this.#timer?.cancel();
    this.#armedMs = atMs;
    this.#timer = clock.after(atMs - nowMs, () => {
      this.#timer = null;
      try {
        this.post({ type: 'tick' });
      } catch (error) {
        this.#parts.fault(error);
      }
    });
  }
}

/** What has ended for good. */
function recordsOf(pool: string, effects: readonly Effect[]): Records {
  return {
    operations: effects.flatMap((effect) => (effect.do === 'operation' ? [effect.operation] : [])),
    exits: effects.flatMap((effect) => (effect.do === 'record' ? [effect.entry] : [])),
    ended: effects.flatMap((effect) => (effect.do === 'leaseEnded' ? endedRows(pool, effect.ended) : [])),
  };
}
