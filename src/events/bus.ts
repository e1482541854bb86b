/** Numbers what happened and tells everybody, in order; keeps the last of it for those who come back. */
import type { Clock } from '../clock.ts';
import { stamp } from '../stamp.ts';
import type { Event, EventType, Happening } from './event.ts';

/** `reset`: the cursor is of another epoch, no longer kept or not one of ours, so what came behind it is not known; `events` is empty then. */
export interface Replay {
  readonly reset: boolean;
  /** Of the newest event there is: where to go on from. */
  readonly cursor: string;
  readonly events: readonly Event[];
}

export interface Bus {
  /**
   * To be called once what happened is stored, in commit order. An event that a listener publishes is told after the one it heard. Null for one
   * of a type that is off unless somebody wants it: it gets no number.
   */
  publish(happening: Happening): Event | null;
  /** From now on events of this type are told, which is off by default, until the answer is called. */
  want(type: EventType): () => void;
  /** What is kept of what came behind `cursor`, oldest first; null = all that is kept. */
  since(cursor: string | null): Replay;
  /** Calls `heard` for each event from now on, in order; one that throws harms nobody else. Returns what ends it. */
  subscribe(heard: (event: Event) => void): () => void;
}

export interface BusOptions {
  /** Of this start of the daemon. */
  readonly epoch: number;
  readonly clock: Clock;
  /** Events that are kept. */
  readonly size?: number;
  /** Told what a listener threw. */
  readonly failed?: (error: unknown, event: Event) => void;
}

export const KEPT_EVENTS = 10_000;

/** Too many to be kept for nobody. contract.md, "Events". */
const OFF: ReadonlySet<EventType> = new Set(['lease.renewed']);

export function createBus({ epoch, clock, size = KEPT_EVENTS, failed = () => {} }: BusOptions): Bus {
  /** A ring: the event with number `seq` stands at `seq % size`. */
  const ring: Event[] = [];
  const listeners = new Set<(event: Event) => void>();
  const untold: Event[] = [];
  const wanted = new Map<EventType, number>();
  let last = 0;
  let telling = false;

  const told = (event: Event): void => {
    for (const heard of [...listeners]) {
      // One that ended while an earlier one was told does not hear of it.
      if (!listeners.has(heard)) continue;
      try {
        heard(event);
      } catch (error) {
        failed(error, event);
      }
    }
  };

  return {
    publish(happening) {
      if (OFF.has(happening.type) && !wanted.has(happening.type)) return null;
      last += 1;
      const event: Event = { ...happening, cursor: `${epoch}:${last}`, at: stamp(clock.wallMs()) };
      ring[last % size] = event;
      untold.push(event);
      // ORDER: a listener that publishes must not make the others hear the second before the first.
      if (telling) return event;
      telling = true;
      for (let next = untold.shift(); next !== undefined; next = untold.shift()) told(next);
      telling = false;
      return event;
    },
    want(type) {
      wanted.set(type, (wanted.get(type) ?? 0) + 1);
      return () => {
        const left = (wanted.get(type) ?? 1) - 1;
        if (left === 0) wanted.delete(type);
        else wanted.set(type, left);
      };
    },
    since(cursor) {
      const newest = `${epoch}:${last}`;
      const oldest = Math.max(1, last - size + 1);
      const behind = cursor === null ? oldest - 1 : numberIn(cursor, epoch);
      if (behind === null || behind > last || behind < oldest - 1) return { reset: true, cursor: newest, events: [] };
      const events: Event[] = [];
      for (let seq = behind + 1; seq <= last; seq += 1) {
        const event = ring[seq % size];
        if (event !== undefined) events.push(event);
      }
      return { reset: false, cursor: newest, events };
    },
    subscribe(heard) {
      // Wrapped, so that one function may listen twice and each end its own.
      const own = (event: Event): void => heard(event);
      listeners.add(own);
      return () => listeners.delete(own);
    },
  };
}

/** Null where it is not of this epoch. */
function numberIn(cursor: string, epoch: number): number | null {
  const [, of, seq] = /^(\d{1,15}):(\d{1,15})$/.exec(cursor) ?? [];
  return Number(of) === epoch ? Number(seq) : null;
}
