/** Why an engine is as it is, in a word and in one sentence with the numbers and what ends it. A question. */
import { areCounted, counted } from '../config/counted.ts';
import type { Closing, EngineState, LivePhase } from '../engine/engine-state.ts';
import { livePhase, startEndsMs } from '../engine/engine-state.ts';
import { engineId } from '../engine/identity.ts';
import { stoodForMs } from '../engine/samples-state.ts';
import { takenOf } from '../lease/lease-state.ts';
import { reportedUntilMs } from '../lease/reports-state.ts';
import { isBeingReplaced } from '../rollout/replaced-state.ts';
import { stamp } from '../stamp.ts';
import { isCanary } from './breakers-state.ts';
import { span } from './end-message.ts';
import type { Gate, Gates } from './gates-state.ts';
import type { PoolState } from './pool-state.ts';
import { limitOf } from './restarts-state.ts';
import { devicesOf } from './start-gate-state.ts';
import type { EngineStateName } from './status.ts';
import { specOf } from './turn.ts';
import { isMember, isWanted } from './wanted-state.ts';

export interface Reason {
  readonly reason: string | null;
  readonly message: string | null;
  /** Monotonic time of the start that is due, or null when no clock tells. */
  readonly nextStartMs: number | null;
}

export function engineStateName(engine: EngineState): EngineStateName {
  if (engine.closing !== null && (engine.phase.is === 'ready' || engine.phase.is === 'unready')) return 'draining';
  return engine.phase.is === 'idle' || engine.phase.is === 'ended' ? 'stopped' : engine.phase.is;
}

export function engineReason(state: PoolState, engine: EngineState, gates: Gates): Reason {
  const { phase } = engine;
  const placeTaken = (phase.is === 'idle' || phase.is === 'backoff') && isWanted(state, engine) && isBeingReplaced(state, engine.replica);
  if (placeTaken) return { ...replacedReason(state), nextStartMs: null };
  switch (phase.is) {
    case 'idle':
      return { ...idleReason(state, engine), nextStartMs: null };
    case 'ended':
      return {
        reason: 'clean',
        message: `ended by itself with exit code 0 and is left so; poolctl start ${idIn(state, engine)} starts it again`,
        nextStartMs: null,
      };
    case 'failed':
      return { reason: lastClass(engine), message: `${lastMessage(engine)}; none is started any more (restart: never)`, nextStartMs: null };
    case 'backoff':
      return backoffReason(state, engine, gates);
    case 'ready':
      return { ...readyReason(state, engine, gates.nowMs), nextStartMs: null };
    default:
      return { ...liveReason(state, engine, gates.nowMs), nextStartMs: null };
  }
}

function replacedReason({ rollout }: PoolState): Omit<Reason, 'nextStartMs'> {
  return { reason: 'replaced', message: `the ${rollout?.kind ?? 'reload'} that is under way starts the new one in its place` };
}

function readyReason(state: PoolState, engine: EngineState, nowMs: number): Omit<Reason, 'nextStartMs'> {
  const { closing, paused } = engine;
  if (closing !== null) return closingReason(state, engine, closing, nowMs);
  if (paused === null) return { reason: null, message: null };
  return {
    reason: 'paused',
    message: `paused by ${paused.by} at ${stamp(paused.atMs)}${because(paused.reason)}; poolctl resume ${idIn(state, engine)}`,
  };
}

function closingReason(state: PoolState, engine: EngineState, closing: Closing, nowMs: number): Omit<Reason, 'nextStartMs'> {
  const users = takenOf(engine.seats);
  const others = closing.inUse !== null && closing.inUse > users ? `, its busy gauge says ${closing.inUse}` : '';
  const left = span(Math.max(0, closing.deadlineMs - nowMs));
  const end = closing.atDeadline === 'abort' ? 'then the reload is called off' : 'then they are cut';
  const message = `${areCounted(users, 'lease')} held${others}; ends when nobody uses it any more, in ${left} at the latest: ${end}`;
  return { reason: closingWhy(state, engine, closing), message };
}

function closingWhy(state: PoolState, engine: EngineState, closing: Closing): string {
  if (state.shuttingDown) return 'shutting_down';
  if (closing.for === 'rollout') return 'replaced';
  if (engine.held !== null) return engine.held.as === 'drained' ? 'drained' : 'stopped_by_hand';
  if (state.wanted.state === 'running') return isMember(state, engine.replica) ? 'replaced' : 'scaled_down';
  return state.wanted.state === 'drained' ? 'drained' : 'pool_stopped';
}

function idleReason(state: PoolState, engine: EngineState): Omit<Reason, 'nextStartMs'> {
  if (engine.held !== null)
    return {
      reason: engine.held.as === 'drained' ? 'drained' : 'stopped_by_hand',
      message: `${engine.held.as} by ${engine.held.by} at ${stamp(engine.held.atMs)}${because(engine.held.reason)}`,
    };
  if (isWanted(state, engine)) return { reason: 'replaced', message: 'it has made room for the new one, which is started in its place' };
  if (!isMember(state, engine.replica))
    return { reason: 'scaled_down', message: `the pool has ${counted(state.replicas.count, 'replica')} now` };
  if (state.wanted.state === 'drained')
    return { reason: 'drained', message: `${state.name} is drained; poolctl resume ${state.name} starts it` };
  return { reason: 'pool_stopped', message: `${state.name} is stopped; poolctl start ${state.name} starts it` };
}

function backoffReason(state: PoolState, engine: EngineState, gates: Gates): Reason {
  const gate = gates.of(engine);
  const { nowMs } = gates;
  const nextStartMs = gate.is === 'held' ? (Number.isFinite(gate.untilMs) ? gate.untilMs : null) : nowMs;
  const when = nextStartMs === null ? 'no start is due' : `next start in ${span(nextStartMs - nowMs)}`;
  const failed = engine.row > 1 ? `failed ${engine.row} times in a row, last: ${lastMessage(engine)}` : lastMessage(engine);
  if (gate.is === 'free') return { reason: 'backoff', message: `${failed}; ${when}`, nextStartMs };
  const blocked = gate.by === 'backoff' && engine.phase.is === 'backoff' && engine.phase.why !== 'failure';
  const reason = blocked ? lastClass(engine) : gate.by;
  return { reason, message: `${failed}; ${when}: ${BLOCKED.get(reason) ?? held(state, gate)}`, nextStartMs };
}

const BLOCKED = new Map([
  ['port_busy', 'its port is taken'],
  ['device_busy', 'its device is taken'],
  ['starved', 'the daemon lacks what a start needs'],
]);

function held(state: PoolState, gate: Extract<Gate, { is: 'held' }>): string {
  switch (gate.by) {
    case 'backoff':
      return 'back-off';
    case 'restart_limit': {
      const { count, windowMs } = limitOf(state);
      return `the pool has had its ${counted(count, 'restart')} in ${span(windowMs)}`;
    }
    case 'breaker_open': {
      const whose =
        gate.which === 'engine' ? 'its own breaker' : gate.which === 'any' ? "the pool's breaker" : `the breaker of class ${gate.which}`;
      const canary = state.canary === null ? '' : `, and ${state.name}/${state.canary.replica} is tried first`;
      return Number.isFinite(gate.untilMs) ? `${whose} is open` : `${whose} is half open${canary}`;
    }
  }
}

const STEPS = {
  preparing: 'prepare is running',
  preflight: 'the preflight checks are running',
  queued: 'waiting for a place to spawn',
  spawning: 'being spawned',
  probing: 'waiting until it is ready',
} as const;

function liveReason(state: PoolState, engine: EngineState, nowMs: number): Omit<Reason, 'nextStartMs'> {
  const live = livePhase(engine);
  if (live === null) return { reason: null, message: null };
  const { run } = live;
  const spec = specOf(state, run.specId);
  const last = run.samples.message === null ? '' : `; last probe: ${run.samples.message}`;
  if (engine.closing !== null && live.is === 'unready') return closingReason(state, engine, engine.closing, nowMs);
  switch (live.is) {
    case 'starting': {
      const left = run.spawnedMs === null ? '' : `, ${span(Math.max(0, startEndsMs(run, spec.startTimeoutMs) - nowMs))} left`;
      const canary = isCanary(state, engine) ? ' (the one try of an open breaker)' : '';
      const place = live.step === 'queued' ? placeOf(state, engine) : '';
      return { reason: live.step, message: `${STEPS[live.step]}${place}${left}${canary}${last}` };
    }
    case 'unready':
      if (live.why === 'reported') {
        const message = `its holders have said that it fails them; it is leased again in ${span(Math.max(0, reportedUntilMs(engine) - nowMs))}`;
        return { reason: live.why, message };
      }
      return {
        reason: live.why,
        message:
          live.why === 'stalled'
            ? `stalled for ${span(stoodForMs(run.samples))}: ${run.samples.message}`
            : `its readiness probe fails${last}`,
      };
    case 'stopping': {
      const left =
        live.stuckAtMs === null ? `KILL in ${span(Math.max(0, live.killAtMs - nowMs))}` : 'killed, waiting for its processes to be gone';
      return { reason: run.endReason ?? 'exited', message: left };
    }
    case 'stuck':
      return live.why === 'unkillable'
        ? {
            reason: live.why,
            message: `killed and still there: its port and devices stay reserved until it is gone or poolctl reset ${state.name} --forget`,
          }
        : {
            reason: live.why,
            message: `a process under its name cannot be proved to be ours: nothing is signalled; poolctl reset ${state.name} --forget lets go of it`,
          };
    case 'ready':
      return { reason: null, message: null };
  }
}

/** The device that it waits for, and who of its own pool has it: other pools' engines are not seen from here. */
function placeOf(state: PoolState, engine: EngineState): string {
  const device = livePhase(engine)?.run.device ?? null;
  if (device === null) return '';
  const wanted = devicesOf(device);
  const holders = state.engines.flatMap((other) => {
    const live = livePhase(other);
    if (other === engine || live === null || !hasDevice(live) || !devicesOf(live.run.device).some((one) => wanted.includes(one))) return [];
    return [`${idIn(state, other)} ${live.is === 'starting' ? 'loads' : live.is === 'stuck' ? 'is stuck' : 'is being stopped'}`];
  });
  return ` on device ${device}${holders.length === 0 ? '' : `, where ${holders.join(', ')}`}`;
}

/** From its place to spawn until it is ready for the first time, or gone. */
function hasDevice(live: LivePhase): boolean {
  return live.run.firstReadyMs === null && (live.is !== 'starting' || live.step === 'spawning' || live.step === 'probing');
}

function lastClass(engine: EngineState): string {
  return engine.lastExit?.class ?? 'unknown';
}

function lastMessage(engine: EngineState): string {
  return engine.lastExit?.message ?? 'not started yet';
}

function because(reason: string | null): string {
  return reason === null ? '' : `: ${reason}`;
}

/** `chat/0` */
export function idIn(state: PoolState, engine: EngineState): string {
  return engineId({ pool: state.name, replica: engine.replica });
}
