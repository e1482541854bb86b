/**
 * One pool at work: a mailbox that handles one event at a time. ORDER per event: decide, store, announce, then act.
 * There is no policy here; what is to be done comes from `pool-next-state.ts` as effects.
 */
import type { Clock, Timer } from '../clock.ts';
import { momentOf } from '../clock.ts';
import { PooldError } from '../errors.ts';
import type { Happening } from '../events/event.ts';
import { effectPoint, failpoint } from '../failpoint.ts';
import type { Store } from '../store/store.ts';
import { dueMs } from './due-state.ts';
import { EffectRunner } from './effect-runner.ts';
import type { Effect } from './effects.ts';
import type { HistoryEntry } from './host.ts';
import type { PoolEvent } from './pool-events.ts';
import { next } from './pool-next-state.ts';
import type { PoolState } from './pool-state.ts';
import type { Room } from './room.ts';
import type { StartGate } from './start-gate.ts';
import type { Records } from './unstored.ts';
import { Unstored } from './unstored.ts';

export interface PoolParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly room: Room;
  readonly gate: StartGate;
  readonly publish: (happening: Happening) => void;
  /** Faults of ours that no caller can be told of. */
  readonly fault: (error: unknown) => void;
  readonly bootId: string;
}

/** A pool as it stands in the store. */
export interface StoredPool {
  readonly bootId: string;
  readonly state: Omit<PoolState, 'engines'>;
}

/** With a full disk: a pool to which nothing happens would otherwise never find out that there is room. */
const STORE_AGAIN_MS = 5_000;

export class Pool {
  readonly unstored = new Unstored();
  readonly #parts: PoolParts;
  readonly #runner: EffectRunner;
  readonly #mail: PoolEvent[] = [];
  #state: PoolState;
  #stored: PoolState | null;
  /** Something has happened that no commit has taken yet. */
  #owes = false;
  #busy = false;
  #timer: Timer | null = null;
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
    try {
      for (let mail = this.#mail.shift(); mail !== undefined; mail = this.#mail.shift()) this.#handle(mail);
    } finally {
      this.#busy = false;
      this.#arm();
    }
  }

  /** Takes no more mail: what the engines do from now on is the next daemon's business. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
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
        {
          pool: before.name,
        },
      );
    }
    for (const effect of effects) if (effect.do === 'emit') this.#parts.publish(effect.happening);
    for (const effect of effects) this.#run(effect, stored);
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
    effectPoint(effect.do, 'before');
    this.#runner.run(effect);
    effectPoint(effect.do, 'after');
  }

  /** On a full disk a command is refused; anything else has happened, and is stored with the next commit that goes through. */
  #store(effects: readonly Effect[], event: PoolEvent): 'stored' | 'unstored' | 'refused' {
    const records: Records = {
      operations: effects.flatMap((effect) => (effect.do === 'operation' ? [effect.operation] : [])),
      exits: effects.flatMap((effect) => (effect.do === 'record' ? [effect.entry] : [])),
    };
    if (this.#committed(records)) return 'stored';
    if (event.type === 'command' || event.type === 'cancel') return 'refused';
    this.#keep(records);
    return 'unstored';
  }

  /** False on a full disk: then nothing of it is stored. Whatever was left over from before goes with it. */
  #committed(records: Records): boolean {
    const rows = rowsOf(this.#state, this.#stored, this.#parts.bootId);
    const batch = { ...rows, ...this.unstored.before(records) };
    if (batch.pools.length + batch.engines.length + batch.operations.length + batch.exits.length === 0) return true;
    try {
      failpoint('commit:before');
      this.#parts.store.commit(batch);
      failpoint('commit:after');
    } catch (error) {
      if (!(error instanceof PooldError) || error.code !== 'storage_full') throw error;
      return false;
    }
    this.#stored = this.#state;
    this.#owes = false;
    this.unstored.clear();
    return true;
  }

  #keep(records: Records): void {
    this.#owes = true;
    this.unstored.keep(records);
  }

  /** A later word on a generation whose end is recorded. */
  #record(entry: HistoryEntry): void {
    const records = { operations: [], exits: [entry] };
    if (this.#committed(records)) return;
    this.#keep(records);
    this.#arm();
  }

  #arm(): void {
    this.#timer?.cancel();
    if (this.#closed) return;
    const { clock } = this.#parts;
    const nowMs = clock.nowMs();
    const due = Math.min(dueMs(this.#state, nowMs), this.#owes ? nowMs + STORE_AGAIN_MS : Number.POSITIVE_INFINITY);
    this.#timer = clock.after(due - nowMs, () => {
      try {
        this.post({ type: 'tick' });
      } catch (error) {
        this.#parts.fault(error);
      }
    });
  }
}

/** Only what has changed since the last commit: states share what stays the same. */
function rowsOf(state: PoolState, stored: PoolState | null, bootId: string) {
  const { engines, ...rest } = state;
  const known = new Map(stored?.engines.map((engine) => [engine.replica, engine]));
  const changed = engines.filter((engine) => known.get(engine.replica) !== engine);
  const samePool = stored !== null && Object.entries(rest).every(([key, value]) => stored[key as keyof PoolState] === value);
  const row: StoredPool = { bootId, state: rest };
  return {
    pools: samePool ? [] : [{ pool: state.name, state: JSON.stringify(row) }],
    engines: changed.map((engine) => ({ pool: state.name, replica: engine.replica, state: JSON.stringify(engine) })),
  };
}
