/** Which commands are refused before anything is changed, and with what words. A question: it changes nothing. */
import { counted } from '../config/counted.ts';
import { isLive } from '../engine/engine-state.ts';
import { PooldError } from '../errors.ts';
import { reloadRefusal } from '../rollout/plan-state.ts';
import { subjectOf } from './begun-state.ts';
import { maintenanceFacts } from './drain-facts-state.ts';
import { span } from './end-message.ts';
import type { PoolCommand } from './host.ts';
import type { PoolState } from './pool-state.ts';
import { drainedAlone } from './start-commands-state.ts';
import { currentSpec, engineIn } from './turn.ts';
import { isMember, isWanted, replicasOf } from './wanted-state.ts';

/** Replicas of a pool at most: what a host of today can hold, and what a typing error must not exceed. */
const REPLICAS_MAX = 1_000;

/** Operations of one pool under way at a time. */
const OPERATIONS_MAX = 100;

const SIGNAL = /^SIG[A-Z0-9+]{2,12}$/;

/** The refusal of a command, or null when it may go on. */
export function refusal(state: PoolState, command: PoolCommand, nowMs: number): PooldError | null {
  const { name: pool } = state;
  if (state.shuttingDown) return new PooldError('shutting_down', `cannot ${command.do} ${pool}: the daemon is stopping`, { pool });
  if (state.operations.length >= OPERATIONS_MAX) {
    const message = `cannot ${command.do} ${pool}: ${state.operations.length} operations are under way; wait for some of them`;
    return new PooldError('conflict', message, { pool });
  }
  if ('replica' in command && command.replica !== null) {
    if (!knows(state, command.replica)) {
      const message = `cannot ${command.do} ${subjectOf(state, command.replica)}: the pool has ${replicasText(state)}`;
      return new PooldError('engine_not_found', message, { pool });
    }
  }
  switch (command.do) {
    case 'start':
      return drainingRefusal(state, command.replica, nowMs) ?? breakerRefusal(state, command, nowMs);
    case 'restart':
      return stoppedRefusal(state, command.do, command.replica) ?? breakerRefusal(state, command, nowMs);
    case 'reload':
      return reloadRefusal(state, command);
    case 'retry':
      return stoppedRefusal(state, command.do, command.replica);
    case 'scale':
      return scaleRefusal(state, command.replicas);
    case 'signal':
      return signalRefusal(state, command);
    case 'reset':
      return resetRefusal(state, command.class);
    case 'stop':
    case 'drain':
    case 'pause':
    case 'resume':
      return null;
  }
}

/** A start does not take a drain back by the way. */
function drainingRefusal(state: PoolState, replica: number | null, nowMs: number): PooldError | null {
  const engine = replica === null ? undefined : engineIn(state, replica);
  const subject = subjectOf(state, replica);
  const draining = state.drain?.kind === 'drain' || (engine?.held?.as === 'drained' && isLive(engine));
  const none = replica === null && replicasOf(state).length > 0 && drainedAlone(state).length === replicasOf(state).length;
  if (!draining && !none) return null;
  const why = draining
    ? `it is draining; poolctl resume ${subject} takes the drain back`
    : `each of its engines was drained by itself; poolctl resume ${subject} starts them`;
  const message = `cannot start ${subject}: ${why}`;
  return new PooldError('pool_draining', message, maintenanceFacts(state, nowMs));
}

/** `2 replicas, counted from 0`, or which they are. */
export function replicasText(state: PoolState): string {
  const { count, members } = state.replicas;
  return members === null ? `${counted(count, 'replica')}, counted from 0` : `the replicas ${members.join(', ')}`;
}

function knows(state: PoolState, replica: number): boolean {
  return isMember(state, replica) || state.engines.some((engine) => engine.replica === replica && isLive(engine));
}

/** `restart` and `retry` start nothing that a person has stopped. */
function stoppedRefusal(state: PoolState, verb: 'restart' | 'retry', replica: number | null): PooldError | null {
  const held = replica !== null && state.engines.some((engine) => engine.replica === replica && !isWanted(state, engine));
  if (state.wanted.state === 'running' && !held) return null;
  const subject = subjectOf(state, replica);
  return new PooldError('pool_stopped', `cannot ${verb} ${subject}: it is stopped; say poolctl start ${subject}`, { pool: state.name });
}

/** A person's start does not pass an open breaker: refused where nothing of it could be started. */
function breakerRefusal(state: PoolState, command: Extract<PoolCommand, { do: 'start' | 'restart' }>, nowMs: number): PooldError | null {
  const targets = command.replica === null ? replicasOf(state) : [command.replica];
  const engines = targets.map((replica) => engineIn(state, replica));
  const breakers = engines.map((engine) => (state.breaker.is === 'closed' && engine !== undefined ? engine.breaker : state.breaker));
  const [breaker] = breakers;
  // What lives is started already; restarted it would be ended, and held back then.
  const livesOn = command.do === 'start' || state.breaker.is === 'closed';
  const free = (livesOn && engines.some((engine) => engine !== undefined && isLive(engine))) || breakers.some(({ is }) => is === 'closed');
  // Nobody has tried a stopped or failed engine when the time of its own breaker was over: this start is that try.
  const tried =
    command.do === 'start' &&
    state.breaker.is === 'closed' &&
    breakers.some((one) => one.is === 'half_open' || (one.is === 'open' && nowMs >= one.untilMs));
  if (tried) return null;
  if (breaker === undefined || free) return null;
  const leftMs = breaker.is === 'open' ? Math.max(0, breaker.untilMs - nowMs) : null;
  const until = leftMs === null ? 'one start is being tried' : `it is open for another ${span(leftMs)}`;
  const subject = subjectOf(state, command.replica);
  // A retry is for what is wanted and does not live.
  const retriable = engines.some((engine) => engine === undefined || !isLive(engine));
  const way =
    retriable && stoppedRefusal(state, 'retry', command.replica) === null
      ? `poolctl retry ${subject} tries once now`
      : `poolctl reset ${state.name} closes it`;
  return new PooldError('breaker_open', `cannot ${command.do} ${subject}: the breaker holds it back, ${until}; ${way}`, {
    pool: state.name,
    reason: 'breaker_open',
    ...(leftMs === null ? {} : { retryAfterMs: Math.ceil(leftMs) }),
  });
}

function scaleRefusal(state: PoolState, replicas: number): PooldError | null {
  const { engine } = currentSpec(state);
  const cannot = (why: string): PooldError =>
    new PooldError('invalid_request', `cannot scale ${state.name} to ${replicas}: ${why}`, { pool: state.name });
  if (!Number.isInteger(replicas) || replicas < 0 || replicas > REPLICAS_MAX)
    return cannot(`a whole number from 0 to ${REPLICAS_MAX} is needed`);
  if (engine.devices !== null && replicas > engine.devices.length) return cannot(`it has devices for ${engine.devices.length}`);
  if (typeof engine.port === 'number' && replicas > 1) return cannot(`its port is fixed to ${engine.port}`);
  if (Array.isArray(engine.port) && replicas > engine.port[1] - engine.port[0] + 1)
    return cannot(`it has ports ${engine.port[0]} to ${engine.port[1]}`);
  return null;
}

function signalRefusal(state: PoolState, command: Extract<PoolCommand, { do: 'signal' }>): PooldError | null {
  const subject = subjectOf(state, command.replica);
  if (!SIGNAL.test(command.signal))
    return new PooldError('invalid_request', `cannot signal ${subject}: ${command.signal} is no signal name like SIGUSR1`, {
      pool: state.name,
    });
  const engine = engineIn(state, command.replica);
  if (engine?.phase.is === 'stuck' && engine.phase.why === 'unproven') {
    return new PooldError('conflict', `cannot signal ${subject}: its process cannot be proved to be ours`, { pool: state.name });
  }
  const pid = engine !== undefined && 'run' in engine.phase ? engine.phase.run.identity : null;
  return pid === null ? new PooldError('conflict', `cannot signal ${subject}: it has no process`, { pool: state.name }) : null;
}

function resetRefusal(state: PoolState, name: string | null): PooldError | null {
  if (name === null || Object.hasOwn(currentSpec(state).breaker.classes, name)) return null;
  const known = Object.keys(currentSpec(state).breaker.classes);
  const says = known.length === 0 ? 'no class has a breaker of its own' : `there are ${known.join(', ')}`;
  return new PooldError('invalid_request', `cannot reset the breaker ${name} of ${state.name}: ${says}`, { pool: state.name });
}
