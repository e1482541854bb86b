/** The generations that have a process, each until it is released: whose log it writes to, who is to be told of its end, and its probes. */
import type { Place } from './engine-logs.ts';
import type { Exit } from './engine-state.ts';
import type { EngineRef, Identity, Side } from './identity.ts';
import { engineId } from './identity.ts';
import type { ProbeWatch } from './probes/runner.ts';

export interface Resident {
  readonly identity: Identity;
  readonly side: Side;
  /** Resolved when its end is known. */
  readonly ended: PromiseWithResolvers<void>;
  tell: ((exit: Exit) => void) | null;
  /** An end that came before anybody asked to be told. */
  untold: Exit | null;
  probes: Promise<ProbeWatch> | null;
}

export class Residents {
  readonly #all = new Map<string, Resident>();

  moveIn(ref: EngineRef, side: Side, identity: Identity): void {
    const ended = Promise.withResolvers<void>();
    this.#all.set(keyOf(ref), { identity, side, ended, tell: null, untold: null, probes: null });
  }

  moveOut(ref: EngineRef): void {
    this.#all.delete(keyOf(ref));
  }

  of(ref: EngineRef): Resident | undefined {
    return this.#all.get(keyOf(ref));
  }

  /** Whoever writes to that log. */
  at({ pool, replica, side }: Place): Resident | null {
    const prefix = `${engineId({ pool, replica })}#`;
    for (const [key, resident] of this.#all) if (key.startsWith(prefix) && resident.side === side) return resident;
    return null;
  }

  all(): Iterable<Resident> {
    return this.#all.values();
  }

  /** Told at once of an end that has come already. */
  watchEnd(ref: EngineRef, ended: (exit: Exit) => void): void {
    const resident = this.of(ref);
    if (resident === undefined) return;
    resident.tell = ended;
    if (resident.untold !== null) ended(resident.untold);
    resident.untold = null;
  }

  ended(ref: EngineRef, exit: Exit): void {
    const resident = this.of(ref);
    if (resident === undefined) return;
    // ORDER: the pool learns of the end before whoever waits for it goes on.
    if (resident.tell === null) resident.untold = exit;
    else resident.tell(exit);
    resident.ended.resolve();
  }
}

/** `chat/0#7`: one generation of one engine. */
export function keyOf(ref: EngineRef): string {
  return `${engineId(ref)}#${ref.generation}`;
}
