/**
 * A person's commands. They are recorded as what is wanted, and the rest follows: product.md, "Configuration and overrides" and "Who decides".
 * A start passes back-off and limiter; only `retry`, one start, passes an open breaker. A newer command takes the place of one it contradicts.
 */
import type { EngineState, Stamp } from '../engine/engine-state.ts';
import { isLive } from '../engine/engine-state.ts';
import { engineId } from '../engine/identity.ts';
import { backoffDelayMs } from '../policy/backoff.ts';
import { closedBreaker } from '../policy/breaker.ts';
import { ANY, breakerClosed, canaryCandidates, canaryLeft, causeLetGo, classState, putClass } from './breakers-state.ts';
import { backoffAnnounced } from './failures-state.ts';
import type { PoolCommand } from './host.ts';
import { ended, superseded } from './operation-state.ts';
import type { ActiveOperation, PoolState } from './pool-state.ts';
import { startBegun } from './starts-state.ts';
import type { OperationKind } from './status.ts';
import type { Turn } from './turn.ts';
import { currentSpec, emit, engineAt, put, refOf, stamp } from './turn.ts';
import { isWanted, replicasOf } from './wanted-state.ts';

export interface Given {
  readonly command: PoolCommand;
  readonly operationId: string;
  readonly stamp: Stamp;
}

/** What a newer command contradicts. */
const TAKES_PLACE_OF: Readonly<Record<OperationKind, readonly OperationKind[]>> = {
  start: ['stop'],
  stop: ['start', 'restart', 'retry', 'scale'],
  restart: ['start', 'restart', 'retry'],
  scale: ['scale'],
  retry: ['stop', 'start'],
  reset: [],
  signal: [],
};

export function commanded(turn: Turn, given: Given): void {
  const { command } = given;
  switch (command.do) {
    case 'start':
      return startTold(turn, given, command.replica);
    case 'stop':
      return stopCommanded(turn, given, command.replica);
    case 'restart':
      return restartTold(turn, given, command.replica);
    case 'retry':
      return retryTold(turn, given, command.replica);
    case 'scale':
      return scaleTold(turn, given, command.replicas);
    case 'reset':
      return resetTold(turn, given, command);
    case 'signal':
      turn.effects.push({ do: 'signal', ref: refOf(turn, engineAt(turn, command.replica)), signal: command.signal });
      return begun(turn, given, {});
    default:
      command satisfies never;
  }
}

/** Cancels a restart: the engine whose turn it is goes on, the others stay as they are. */
export function cancelled(turn: Turn, operationId: string, by: Stamp): void {
  const operation = turn.state.operations.find(({ id }) => id === operationId);
  if (operation !== undefined) ended(turn, operation, { is: 'cancelled', message: `cancelled by ${by.by}` });
}

function startTold(turn: Turn, given: Given, replica: number | null): void {
  startWanted(turn, given.stamp, replica);
  const targets = targetsOf(turn.state, replica);
  const starts = targets.flatMap((target) => {
    const engine = engineAt(turn, target);
    if (engine.phase.is === 'ready') return [];
    return [{ replica: target, after: isLive(engine) && engine.phase.is !== 'stopping' ? engine.generation - 1 : engine.generation }];
  });
  begun(turn, given, { starts });
}

/** Starts what a person has asked to be started and what is not there, now or when the old generation has ended: past back-off and limiter. */
export function startsAsked(turn: Turn): void {
  for (const { replica, after } of asked(turn.state)) {
    const engine = engineAt(turn, replica);
    if (isLive(engine) || engine.generation !== after || !isWanted(turn.state, engine)) continue;
    if (engine.breaker.is === 'closed' && turn.state.breaker.is === 'closed') startBegun(turn, engine, 'manual');
    else if (engine.phase.is === 'failed' || engine.phase.is === 'ended') heldBack(turn, engine);
  }
}

/** The generations that somebody waits to be followed by another. */
function asked({ operations, rolling }: PoolState): { readonly replica: number; readonly after: number }[] {
  const starts = operations.flatMap((operation) => (operation.kind === 'start' ? operation.starts : []));
  return rolling?.current == null ? starts : [...starts, { replica: rolling.current.replica, after: rolling.current.old }];
}

function startWanted(turn: Turn, stamp: Stamp, replica: number | null): void {
  if (replica !== null && turn.state.wanted.state === 'running') {
    holdPut(turn, replica, null);
    return;
  }
  const override = currentSpec(turn.state).autostart ? null : stamp;
  turn.state = { ...turn.state, wanted: { state: 'running', override } };
  // Starting one engine of a stopped pool leaves its others stopped.
  for (const other of replicasOf(turn.state)) holdPut(turn, other, replica === null || other === replica ? null : stamp);
}

/** Wanted again, and behind a breaker: that starts it when its time has come. */
function heldBack(turn: Turn, engine: EngineState): void {
  const phase = { is: 'backoff', why: 'failure', cause: 'manual', dueMs: turn.env.nowMs, delayMs: 0 } as const;
  backoffAnnounced(turn, put(turn, { ...engine, phase }));
}

function stopCommanded(turn: Turn, given: Given, replica: number | null): void {
  const targets = replica === null ? turn.state.engines.map((engine) => engine.replica) : [replica];
  if (replica === null) turn.state = { ...turn.state, wanted: { state: 'stopped', override: given.stamp } };
  else holdPut(turn, replica, given.stamp);
  begun(turn, given, {
    stops: targets.filter((target) => {
      const engine = engineAt(turn, target);
      return isLive(engine) || engine.phase.is === 'backoff';
    }),
  });
}

function restartTold(turn: Turn, given: Given, replica: number | null): void {
  const replicas = targetsOf(turn.state, replica).filter((target) => {
    const engine = engineAt(turn, target);
    return isWanted(turn.state, engine) && (isLive(engine) || engine.breaker.is === 'closed');
  });
  begun(turn, given, { starts: replicas.map((target) => ({ replica: target, after: engineAt(turn, target).generation })) });
  turn.state = { ...turn.state, rolling: { operationId: given.operationId, replicas, current: null } };
}

/** One start now, past everything. Of a pool: the engine that would be the canary. */
function retryTold(turn: Turn, given: Given, replica: number | null): void {
  const target = replica ?? retryTarget(turn.state, turn.env.nowMs);
  if (target === null) return begun(turn, given, {});
  const engine = engineAt(turn, target);
  begun(turn, given, { starts: isLive(engine) ? [] : [{ replica: target, after: engine.generation }] });
  if (!isLive(engine)) startBegun(turn, engine, 'retry');
}

export function retryTarget(state: PoolState, nowMs: number): number | null {
  const missing = state.engines.filter((engine) => isWanted(state, engine) && !isLive(engine));
  const [first] = [...canaryCandidates(state, ANY, nowMs), ...missing];
  return first?.replica ?? null;
}

function scaleTold(turn: Turn, given: Given, count: number): void {
  const fileCount = currentSpec(turn.state).replicas;
  const before = replicasOf(turn.state);
  turn.state = { ...turn.state, replicas: { count, override: count === fileCount ? null : given.stamp } };
  const added = turn.state.wanted.state === 'running' ? replicasOf(turn.state).filter((replica) => !before.includes(replica)) : [];
  const surplus = turn.state.engines.filter((engine) => engine.replica >= count && isLive(engine)).map((engine) => engine.replica);
  for (const replica of surplus) holdPut(turn, replica, null);
  const held = new Set(turn.state.engines.filter((engine) => engine.held !== null).map((engine) => engine.replica));
  const starts = added.filter((replica) => !held.has(replica)).map((replica) => ({ replica, after: engineAt(turn, replica).generation }));
  begun(turn, given, { starts, stops: surplus });
}

/** Breakers closed, rows and counts 0; what is missing starts by the first back-off step, through the limiter and never towards a storm. */
function resetTold(turn: Turn, given: Given, command: { readonly class: string | null; readonly forget: boolean }): void {
  begun(turn, given, {});
  const named = command.class;
  for (const name of named === null ? Object.keys(turn.state.classes) : [named]) {
    breakerClosed(turn, name);
    putClass(turn, name, { ...classState(turn, name), row: 0, breaker: freshBreaker(turn) });
  }
  if (named === null) {
    breakerClosed(turn, ANY);
    turn.state = { ...turn.state, breaker: freshBreaker(turn), canary: null, storm: [], restartCount: 0 };
  }
  for (const engine of turn.state.engines) {
    const left = command.forget && engine.phase.is === 'stuck' ? forgotten(turn, engine) : engine;
    if (named === null || left.lastFailureClass === named) engineReset(turn, left);
  }
}

function engineReset(turn: Turn, engine: EngineState): void {
  if (engine.breaker.is !== 'closed') emit(turn, 'breaker.closed', { class: ANY }, engine);
  const { backoff } = currentSpec(turn.state);
  const delayMs = backoffDelayMs(backoff, { failures: 1, crashClass: engine.lastFailureClass ?? '', random: turn.env.random() });
  const missing = engine.phase.is === 'backoff' || engine.phase.is === 'failed';
  const cause = engine.phase.is === 'backoff' ? causeLetGo(engine.phase.cause) : 'recovery';
  const phase = missing ? ({ is: 'backoff', why: 'failure', cause, dueMs: turn.env.nowMs + delayMs, delayMs } as const) : engine.phase;
  const after = put(turn, { ...engine, row: 0, backoffRow: 0, blockedRow: 0, breaker: freshBreaker(turn), phase });
  if (missing) backoffAnnounced(turn, after);
}

/** A person vouches that the stuck process does not matter any more: its port and devices are free again. */
function forgotten(turn: Turn, engine: EngineState): EngineState {
  const ref = refOf(turn, engine);
  canaryLeft(turn, engine);
  const free = put(turn, { ...engine, phase: { is: 'idle' }, port: null });
  turn.effects.push({ do: 'releasePort', replica: engine.replica }, { do: 'releaseDevice', ref }, { do: 'abandon', ref });
  emit(turn, 'engine.stopped', { reason: 'forgotten' }, engine);
  return free;
}

function begun(turn: Turn, given: Given, targets: Partial<Pick<ActiveOperation, 'starts' | 'stops'>>): void {
  const { command } = given;
  const starts = targets.starts ?? [];
  const stops = targets.stops ?? [];
  superseded(turn, [...starts.map(({ replica }) => replica), ...stops], TAKES_PLACE_OF[command.do]);
  const subject = subjectOf(turn.state, 'replica' in command ? command.replica : null);
  const why = given.stamp.reason === null ? '' : `: ${given.stamp.reason}`;
  const operation: ActiveOperation = {
    id: given.operationId,
    kind: command.do,
    stamp: given.stamp,
    steps: [{ at: stamp(turn.env.wallMs), text: `${command.do} ${subject} asked by ${given.stamp.by}${why}` }],
    starts,
    stops,
    forced: false,
  };
  turn.state = { ...turn.state, operations: [...turn.state.operations, operation] };
  const idle = starts.length + stops.length === 0;
  if (idle && (command.do === 'start' || command.do === 'stop' || command.do === 'retry'))
    ended(turn, operation, { is: 'succeeded', outcome: 'already' });
}

function freshBreaker(turn: Turn): EngineState['breaker'] {
  return closedBreaker(currentSpec(turn.state).breaker, turn.env.nowMs);
}

function holdPut(turn: Turn, replica: number, held: Stamp | null): void {
  const engine = engineAt(turn, replica);
  if (engine.held !== held) put(turn, { ...engine, held });
}

function targetsOf(state: PoolState, replica: number | null): number[] {
  return replica === null ? replicasOf(state) : [replica];
}

/** `chat` or `chat/0`, for messages. */
export function subjectOf(state: PoolState, replica: number | null): string {
  return replica === null ? state.name : engineId({ pool: state.name, replica });
}
