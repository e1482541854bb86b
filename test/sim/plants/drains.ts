/** Bugs of drains: whom they serve, when they cut, and what a death of the daemon makes of them. */
import type { Closing, EngineState } from '../../../src/engine/engine-state.ts';
import type { PoolEvent } from '../../../src/pool/pool-events.ts';
import { isLeaseEvent } from '../../../src/pool/pool-next-state.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import { generationIn } from '../../../src/pool/turn.ts';
import type { Machine } from '../machine.ts';
import { theMachine } from '../machine.ts';
import type { Next, Plant } from './planting.ts';
import { afterwards, deceived, everyOne, planted } from './planting.ts';

const { next, dueMs, restored } = theMachine;

function closings(state: PoolState, change: (closing: Closing, engine: EngineState) => Closing | null): PoolState {
  return everyOne(state, (engine) => (engine.closing === null ? engine : { ...engine, closing: change(engine.closing, engine) }));
}

/** The closings that were hidden in a turn, as they were. */
function closingsBack(after: PoolState, before: PoolState): PoolState {
  return everyOne(after, (engine) => ({ ...engine, closing: generationIn(before, engine)?.closing ?? engine.closing }));
}

/** The deadlines that were changed in a turn, as they were. */
function deadlinesBack(after: PoolState, before: PoolState): PoolState {
  return closings(after, (closing, engine) => ({
    ...closing,
    deadlineMs: generationIn(before, engine)?.closing?.deadlineMs ?? closing.deadlineMs,
  }));
}

/** Deadlines in the eyes of the machine: so much later (or earlier) than they are. */
function deadlines(byMs: number, which: (engine: EngineState) => boolean = () => true): Next {
  return deceived(
    (state, event) =>
      event.type === 'tick' || isLeaseEvent(event)
        ? closings(state, (closing, engine) => (which(engine) ? { ...closing, deadlineMs: closing.deadlineMs + byMs } : closing))
        : null,
    deadlinesBack,
  );
}

function isDraining(state: PoolState): boolean {
  return state.drain?.kind === 'drain';
}

const newcomer = deceived(
  (state, event) =>
    event.type === 'acquire' && isDraining(state) ? { ...state, wanted: { ...state.wanted, state: 'running' }, drain: null } : null,
  (after, before) => ({ ...after, wanted: before.wanted, drain: before.drain }),
);

const drainedGranted = deceived(
  (state, event) => (event.type === 'acquire' && !isDraining(state) ? closings(state, () => null) : null),
  closingsBack,
);

const cutUsers: Next = deceived((state, event) =>
  event.type === 'tick' || event.type === 'renew'
    ? everyOne(state, (engine) => (engine.closing === null ? engine : { ...engine, seats: [] }))
    : null,
);

const longerWins: Next = (state, event, env) =>
  event.type === 'command' && event.command.do === 'drain'
    ? next(state, { ...event, command: { ...event.command, extend: true } }, env)
    : next(state, event, env);

const ownDeadline: Next = (state, event, env) =>
  event.type === 'command' && event.command.do === 'drain' && event.command.deadlineMs !== null
    ? next(state, { ...event, command: { ...event.command, deadlineMs: null } } satisfies PoolEvent, env)
    : next(state, event, env);

/** The engine is kept for those who wait for it to go. */
const waitsForWaiters = afterwards((state) =>
  closings(state, (closing) => (closing.takesQueue ? closing : { ...closing, takesQueue: true })),
);

const later = (state: PoolState, byMs: number): PoolState =>
  closings(state, (closing) => ({ ...closing, deadlineMs: closing.deadlineMs + byMs }));

const _early = (state: PoolState, nowMs: number): number => {
  const deadlinesMs = [...state.engines, ...state.others].flatMap(({ closing }) => (closing === null ? [] : [closing.deadlineMs - 500]));
  return Math.min(dueMs(state, nowMs), ...deadlinesMs.filter((atMs) => atMs > nowMs));
};

/** A tick comes then too: or it would be the timer that is found. */
function early(which: (engine: EngineState) => boolean): Machine['dueMs'] {
  return (state, nowMs) => {
    const closing = [...state.engines, ...state.others].filter(which).flatMap((engine) => engine.closing ?? []);
    return Math.min(dueMs(state, nowMs), ...closing.map(({ deadlineMs }) => deadlineMs - 500).filter((atMs) => atMs > nowMs));
  };
}

function isOver({ engines }: PoolState, nowMs: number): boolean {
  return engines.some(({ closing, seats }) => closing !== null && nowMs >= closing.deadlineMs && seats.some((lease) => lease !== null));
}

function isRetiring({ role }: EngineState): boolean {
  return role === 'retiring';
}

export const DRAINS: readonly Plant[] = [
  planted('somebody new is taken in while a pool is drained', { next: newcomer }, 'drains', 'waits'),
  planted('a lease is granted on an engine whose drain is committed', { next: drainedGranted }, 'drains'),
  planted('an engine that is replaced is kept for those who wait until it is gone', { next: waitsForWaiters }, 'drains', 'forced'),
  planted(
    'what is asked at the deadline of a drain is answered before it cuts, and the queue is served',
    {
      next: deceived(
        (state, event, nowMs) =>
          isLeaseEvent(event) && isOver(state, nowMs) ? { ...later(state, 200), leaseDueMs: Number.POSITIVE_INFINITY } : null,
        deadlinesBack,
      ),
    },
    'drains',
    'forced',
  ),
  planted('a drain cuts 500 ms before its deadline', { next: deadlines(-500), dueMs: early(() => true) }, 'forced'),
  planted(
    'a drain cuts 200 ms behind its deadline',
    { next: deadlines(200), dueMs: (state, nowMs) => dueMs(later(state, 200), nowMs) },
    'forced',
    'timers',
  ),
  planted('a drain is over although a lease is held', { next: cutUsers }, 'forced', 'capacity', 'tokens', 'leaseOnce'),
  planted(
    'an old engine is killed while it is held, before the deadline',
    { next: deadlines(-500, isRetiring), dueMs: early(isRetiring) },
    'forced',
  ),
  planted('a second drain takes the longer deadline', { next: longerWins }, 'deadline'),
  planted("a drain takes the pool's deadline and not what was asked for", { next: ownDeadline }, 'deadline'),
  planted('a drain is lost with the daemon', { restored: (state, epoch) => ({ ...restored(state, epoch), drain: null }) }, 'deadline'),
  planted(
    'a drain begins anew with the daemon',
    { restored: (state, epoch) => closings(restored(state, epoch), (closing) => ({ ...closing, deadlineMs: closing.deadlineMs + 5_000 })) },
    'deadline',
  ),
];
