/** Why a pool is as it is: one word, one sentence; and `explain`, which tells every rule that has a say. Questions only. */
import { areCounted, counted } from '../config/counted.ts';
import type { Closing, EngineState, Stamp } from '../engine/engine-state.ts';
import { isLive } from '../engine/engine-state.ts';
import { takenOf } from '../lease/lease-state.ts';
import { activeLeases, inUseOf, slotsOf } from '../lease/seats-state.ts';
import { countInWindow } from '../policy/restart-limiter.ts';
import type { Rollout } from '../rollout/rollout.ts';
import { stamp } from '../stamp.ts';
import { ANY, missing } from './breakers-state.ts';
import { span } from './end-message.ts';
import { engineReason, engineStateName, idIn } from './engine-view.ts';
import type { Gates } from './gates-state.ts';
import type { PoolState } from './pool-state.ts';
import { limitOf, stormSpecOf } from './restarts-state.ts';
import type { Explanation } from './status.ts';
import { allEngines, currentSpec } from './turn.ts';
import { wantedReplicas } from './wanted-state.ts';

export function poolReason(state: PoolState, now: Gates): { readonly reason: string | null; readonly message: string | null } {
  if (state.shuttingDown) return { reason: 'shutting_down', message: 'the daemon is stopping' };
  if (state.wanted.state !== 'running') return notWanted(state, now);
  if (state.rollout !== null) return { reason: state.rollout.kind, message: rolloutSays(state, state.rollout) };
  if (state.paused !== null && wantedReplicas(state).length > 0) return pausedSays(state, state.paused);
  const [open] = breakerNames(state).flatMap((name) => breakerSays(state, name, now) ?? []);
  if (open !== undefined) return { reason: 'breaker_open', message: open };
  const wanted = wantedReplicas(state);
  if (wanted.length === 0) return nothingWanted(state);
  const drained = state.engines.filter(({ held }) => held?.as === 'drained');
  const all = wanted.length + drained.length;
  const notReady = state.engines.filter((engine) => wanted.includes(engine.replica) && engine.phase.is !== 'ready');
  // What nobody has asked for says more than what somebody has.
  const [first = drained[0]] = notReady.toSorted(
    (one, other) => Number(isLive(one)) - Number(isLive(other)) || one.replica - other.replica,
  );
  if (first === undefined) return { reason: null, message: null };
  const why = engineReason(state, first, now);
  return {
    reason: why.reason,
    message: `${wanted.length - notReady.length} of ${all} ready; ${idIn(state, first)}: ${why.message ?? engineStateName(first)}`,
  };
}

function notWanted(state: PoolState, { nowMs }: Gates): { readonly reason: string; readonly message: string } {
  const { override } = state.wanted;
  const { drain } = state;
  if (override === null) return { reason: 'autostart_off', message: `autostart is off; poolctl start ${state.name} starts it` };
  const drained = state.wanted.state === 'drained';
  const who = `${state.wanted.state} by ${override.by} at ${stamp(override.atMs)}${override.reason === null ? '' : `: ${override.reason}`}`;
  const reason = drained ? 'drained' : 'stopped_by_hand';
  if (drain === null) return { reason, message: drained ? `${who}; poolctl resume ${state.name} starts it` : who };
  const leases = activeLeases(state);
  const users = allEngines(state).reduce((sum, { closing, seats }) => sum + Math.max(closing?.inUse ?? 0, takenOf(seats)), 0);
  if (users + state.tickets.length === 0) return { reason, message: who };
  const waiting =
    drained && state.tickets.length > 0
      ? `, ${state.tickets.length} ${state.tickets.length === 1 ? 'is' : 'are'} waiting and still served`
      : '';
  const busy = users > leases ? `, busy gauges say ${users}` : '';
  const left = `${areCounted(leases, 'lease')} held${busy}${waiting}; at most ${span(Math.max(0, drain.deadlineMs - nowMs))} until they are cut`;
  return { reason, message: `${who}; ${left}` };
}

function pausedSays(state: PoolState, paused: Stamp): { readonly reason: string; readonly message: string } {
  return { reason: 'paused', message: `${byWhom('paused', paused)}; poolctl resume ${state.name} goes on` };
}

function rolloutSays(state: PoolState, { kind, strategy, step, done, units, todo, failure }: Rollout): string {
  const all = done.length + units.length + todo.length;
  const where = units.map((unit) => `${state.name}/${unit.replica} ${unit.step}`).join(', ');
  const back = failure === null ? '' : `, going back: ${failure.message}`;
  return `${kind} (${strategy}), ${step === 'committed' ? 'done but for old engines in use' : `${done.length} of ${all} replaced`}${where === '' ? '' : `; ${where}`}${back}`;
}

/** The pool is to run, but with no engine: scaled to none, or each of them stopped. */
function nothingWanted(state: PoolState): { readonly reason: string; readonly message: string } {
  const { count, override } = state.replicas;
  if (state.engines.some(({ held }) => held?.as === 'drained')) {
    return {
      reason: 'drained',
      message: `none of its ${counted(count, 'engine')} is wanted; poolctl resume ${state.name} starts those that were drained`,
    };
  }
  if (count === 0)
    return {
      reason: 'scaled_to_none',
      message: `scaled to 0 by ${override?.by ?? 'the file'}; poolctl scale ${state.name} N starts N engines`,
    };
  const each = count === 1 ? 'its one engine' : `each of its ${count} engines`;
  const them = count === 1 ? 'it' : 'them';
  return { reason: 'stopped_by_hand', message: `${each} is stopped by hand; poolctl start ${state.name} starts ${them}` };
}

/** Every rule that holds something back or has counted something, with its numbers. */
export function explanations(state: PoolState, replica: number | null, now: Gates): Explanation[] {
  const engines = state.engines.filter((engine) => replica === null || engine.replica === replica);
  const lines = engines.flatMap((engine): Explanation[] => {
    const why = engineReason(state, engine, now);
    const subject = idIn(state, engine);
    const { failureThreshold } = currentSpec(state).breaker;
    return [
      {
        subject,
        rule: 'state',
        says: `${engineStateName(engine)}, generation ${engine.generation}${why.message === null ? '' : `: ${why.message}`}`,
      },
      { subject, rule: 'backoff', says: `${counted(engine.backoffRow, 'failure')} in a row for the delay` },
      { subject, rule: 'breaker', says: `${engine.breaker.is}; ${engine.row} of ${counted(failureThreshold, 'failure')} that open it` },
      ...usersSay(state, engine, now),
      ...(engine.lastExit === null
        ? []
        : [{ subject, rule: 'lastExit', says: `${engine.lastExit.class} at ${engine.lastExit.at}: ${engine.lastExit.message}` }]),
    ];
  });
  return replica === null ? [...poolExplanations(state, now), ...lines] : lines;
}

/** Who uses it, and what keeps others from it. */
function usersSay(state: PoolState, engine: EngineState, { nowMs }: Gates): Explanation[] {
  const subject = idIn(state, engine);
  const { closing, paused } = engine;
  const gauge = inUseOf(engine);
  const users = `${takenOf(engine.seats)} of ${counted(slotsOf(state, engine), 'slot')} leased${gauge === null ? '' : `; its busy gauge says ${gauge}`}`;
  return [
    ...(isLive(engine) ? [{ subject, rule: 'leases', says: users }] : []),
    ...(closing === null || engineStateName(engine) !== 'draining'
      ? []
      : [{ subject, rule: 'drain', says: `takes no new leases; ${deadlineSays(closing, nowMs)}` }]),
    ...(paused === null ? [] : [{ subject, rule: 'pause', says: byWhom('paused', paused) }]),
  ];
}

function deadlineSays({ deadlineMs, atDeadline }: Pick<Closing, 'deadlineMs' | 'atDeadline'>, nowMs: number): string {
  const end = atDeadline === 'abort' ? 'then the reload is called off' : 'then whoever still uses it is cut';
  return `ends when nobody uses it any more, in ${span(Math.max(0, deadlineMs - nowMs))} at the latest: ${end}`;
}

function byWhom(what: string, { by, atMs, reason }: Stamp): string {
  return `${what} by ${by} at ${stamp(atMs)}${reason === null ? '' : `: ${reason}`}`;
}

/** What a person or a reload does with the whole pool, and what waits for it. */
function doingsSay(state: PoolState, { nowMs }: Gates): Explanation[] {
  const subject = state.name;
  const { drain, paused, rollout, waitingReload, waitingScale, tickets } = state;
  const { queue } = currentSpec(state);
  const says = (rule: string, text: string | null): Explanation[] => (text === null ? [] : [{ subject, rule, says: text }]);
  const served = drain?.kind === 'drain' ? 'those who wait are served first; ' : '';
  return [
    ...says('drain', drain && `${drain.kind} by ${drain.by}: ${served}${deadlineSays({ ...drain, atDeadline: 'forced' }, nowMs)}`),
    ...says('pause', paused && `${byWhom('paused', paused)}: no new leases`),
    ...says('reload', rollout && rolloutSays(state, rollout)),
    ...says('reload', waitingReload && `a ${waitingReload.command.do} by ${waitingReload.stamp.by} waits until this is over`),
    ...says('scale', waitingScale && `to ${waitingScale.replicas} by ${waitingScale.stamp.by} waits until this is over`),
    ...says('leases', `${activeLeases(state)} held`),
    ...says('queue', `${tickets.length} of ${queue.limit} waiting`),
  ];
}

function poolExplanations(state: PoolState, now: Gates): Explanation[] {
  const subject = state.name;
  const limit = limitOf(state);
  const storm = stormSpecOf(state);
  const { override } = state.replicas;
  const wanted = `${wantedReplicas(state).length} of ${counted(state.replicas.count, 'engine')} wanted${override === null ? '' : ` (scaled by ${override.by}; the file says ${currentSpec(state).replicas})`}`;
  return [
    {
      subject,
      rule: 'wanted',
      says: `${state.wanted.state}: ${wanted}${state.orphaned ? '; the pool is gone from the file and runs on by its last spec' : ''}`,
    },
    ...doingsSay(state, now),
    ...breakerNames(state).map((name) => ({
      subject,
      rule: name === ANY ? 'breaker' : `breaker ${name}`,
      says: breakerSays(state, name, now) ?? closedSays(state, name),
    })),
    {
      subject,
      rule: 'limiter',
      says: `${countInWindow(state.restarts, limit, now.nowMs)} of ${counted(limit.count, 'restart')} in the last ${span(limit.windowMs)}`,
    },
    {
      subject,
      rule: 'storm',
      says: `${stormCount(state, storm.windowMs, now)} of ${counted(storm.count, 'restart')} in ${span(storm.windowMs)} that would open the breaker`,
    },
  ];
}

function closedSays(state: PoolState, name: string): string {
  const { classes } = currentSpec(state).breaker;
  return name === ANY
    ? 'closed'
    : `closed; ${state.classes[name]?.row ?? 0} of ${classes[name]?.failureThreshold ?? 'no'} failures that open it`;
}

function stormCount(state: PoolState, windowMs: number, now: Gates): number {
  return state.storm.filter(({ atMs }) => atMs > now.nowMs - windowMs).length;
}

/** What an open or half-open breaker is at, and what ends that; null for a closed one. */
function breakerSays(state: PoolState, name: string, now: Gates): string | null {
  const breaker = name === ANY ? state.breaker : state.classes[name]?.breaker;
  if (breaker === undefined || breaker.is === 'closed') return null;
  const whose = name === ANY ? 'the breaker' : `the breaker of class ${name}`;
  const hint = `poolctl retry ${state.name} tries one now, poolctl reset ${state.name} closes it`;
  if (breaker.is === 'open' && breaker.untilMs > now.nowMs)
    return `${whose} is open for another ${span(breaker.untilMs - now.nowMs)}, ${missing(state, name).length} waiting; ${hint}`;
  const canary = state.canary?.of === name ? `${state.name}/${state.canary.replica} is being tried` : 'the next try is due';
  return `${whose} is half open: ${canary}; ${hint}`;
}

function breakerNames(state: PoolState): string[] {
  return [ANY, ...Object.keys(state.classes)];
}
