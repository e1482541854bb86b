/** A decision asked again gives the same; the wall clock decides nothing; what is old, or said twice, changes nothing. Sampled, but for old messages. */
import type { Moment } from '../../../src/clock.ts';
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { Lease } from '../../../src/lease/lease-state.ts';
import type { Effect } from '../../../src/pool/effects.ts';
import type { PoolCommand } from '../../../src/pool/host.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import type { Rule, Step } from '../ground.ts';
import { copied, same } from '../same.ts';
import { must } from '../violation.ts';
import type { World } from '../world.ts';
import { everyEngine, lifeIn, membersOf } from './questions.ts';

const EVERY = 251;
const HOUR_MS = 3_600_000;

export class PurityRule implements Rule {
  readonly #world: World;
  #steps = 0;

  constructor(world: World) {
    this.#world = world;
  }

  stepped(step: Step): void {
    const { event } = step;
    this.#steps += 1;
    if ('generation' in event && event.type !== 'spawnGranted' && lifeIn(step.before, event) === undefined) this.#old(step);
    if (event.type === 'command' && isTheSameTwice(step, event.command)) this.#saidTwice(step);
    if (this.#steps % EVERY !== 0 || draws(step)) return;
    const before = copied(step.before);
    const [again] = this.#next(step.before, step, 0);
    must(same(step.before, before), 'replay', () => `${event.type} changed the state it was given`);
    must(same(again, step.after), 'replay', () => `${event.type} decides otherwise when it is asked again`);
    this.#otherWall(step);
    this.#soon(step);
  }

  #next(state: PoolState, step: Step, skewMs: number): ReturnType<World['machine']['next']> {
    const env: Moment = { nowMs: step.nowMs, wallMs: step.wallMs + skewMs, random: () => 0.5 };
    return this.#world.machine.next(state, step.event, env);
  }

  #old(step: Step): void {
    const [ticked] = this.#world.machine.next(step.before, { type: 'tick' }, { nowMs: step.nowMs, wallMs: step.wallMs, random: () => 0.5 });
    must(same(ticked.engines, step.after.engines) || draws(step), 'generation', () => `an old ${step.event.type} changed ${step.pool}`);
  }

  /** Invariant 38. A reload waits for the one that runs, and finds nothing to do then. */
  #saidTwice(step: Step): void {
    const { event, after } = step;
    if (event.type !== 'command') return;
    const { do: what } = event.command;
    const twice = { ...event, operationId: `${event.operationId}-again` };
    const [state, effects] = this.#world.machine.next(after, twice, { nowMs: step.nowMs, wallMs: step.wallMs, random: () => 0.5 });
    // A scale that had waited for what this took back may have taken the engine away, hold and all: then a hold says nothing until it is one again.
    const held = (of: PoolState, engine: EngineState): boolean => engine.held !== null && membersOf(of).includes(engine.replica);
    const engines = (of: PoolState): unknown =>
      everyEngine(of).map((engine) => [engine.phase, held(of, engine), engine.closing?.deadlineMs]);
    must(same(engines(state), engines(after)), 'idempotent', () => `a second ${what} of ${step.pool} changed its engines`);
    const goesOn = state.drain?.deadlineMs === after.drain?.deadlineMs && state.rollout === after.rollout;
    must(goesOn, 'idempotent', () => `a second ${what} of ${step.pool} changed what is under way`);
    must(
      effects.every((effect) => effect.do === 'emit' || effect.do === 'operation'),
      'idempotent',
      () => `a second ${what} of ${step.pool} did something again`,
    );
  }

  #otherWall(step: Step): void {
    const [shifted, effects] = this.#next(step.before, step, HOUR_MS);
    must(
      same(effects.flatMap(doneBy), step.effects.flatMap(doneBy)),
      'wallClock',
      () => `${step.event.type} does something else an hour later on the wall`,
    );
    const { dueMs } = this.#world.machine;
    must(
      dueMs(shifted, step.nowMs) === dueMs(step.after, step.nowMs),
      'wallClock',
      () => `${step.event.type} is due at another time an hour later on the wall`,
    );
  }

  /** Between now and dueMs nothing is due: a tick in between finds nothing to do. */
  #soon(step: Step): void {
    const dueMs = Math.min(this.#world.machine.dueMs(step.after, step.nowMs), step.nowMs + HOUR_MS);
    if (dueMs <= step.nowMs) return;
    const nowMs = step.nowMs + (dueMs - step.nowMs) * 0.9;
    const [state, effects] = this.#world.machine.next(step.after, { type: 'tick' }, { nowMs, wallMs: step.wallMs, random: () => 0.5 });
    const told = effects.filter((effect) => effect.do !== 'emit' || effect.happening.type !== 'pool.state');
    const rests = same(state.engines, step.after.engines) && state.breaker.is === step.after.breaker.is && told.length === 0;
    must(
      rests,
      'timers',
      () => `${step.pool} has something to do at ${nowMs}, dueMs says ${dueMs}; it does ${effects.map((effect) => effect.do).join(' ')}`,
    );
  }
}

function isTheSameTwice({ before, after }: Step, command: PoolCommand): boolean {
  if (command.do === 'reload') return after.rollout !== null && before.rollout === null && before.specId === after.specId;
  // The reload that had waited for the one that was taken back has begun: said again, this one is taken back as well.
  if (after.rollout !== null && after.rollout.operationId !== before.rollout?.operationId) return false;
  return command.do === 'stop' || command.do === 'drain' || command.do === 'pause';
}

/** A decision that drew from `random` cannot be asked again with the same draws. */
function draws(step: Step): boolean {
  return step.changes.some(({ was, is }) => is.phase.is === 'backoff' && was.phase !== is.phase);
}

/** What is done, without what is only told: those have stamps. */
function doneBy(effect: Effect): unknown[] {
  switch (effect.do) {
    case 'emit':
    case 'record':
    case 'operation':
    case 'onExit':
      return [];
    case 'answer':
      return [[effect.to, effect.answer.is, 'held' in effect.answer ? stampless(effect.answer.held.lease) : null]];
    case 'leaseEnded':
      return [[effect.ended.how, stampless(effect.ended.held.lease)]];
    case 'ticketEnded':
      return [[effect.ended.state, effect.ended.ticket, effect.ended.lease === null ? null : stampless(effect.ended.lease.lease)]];
    default:
      return [effect];
  }
}

function stampless({ grantedAtMs: _stamp, ...lease }: Lease): unknown {
  return lease;
}
