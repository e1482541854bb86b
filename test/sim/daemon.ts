/**
 * The daemon around the pure machine, played honestly: one event at a time per pool, the state is stored, then its effects run in their order.
 * It can die before the store, after it, and after any effect. Whatever it had under way is lost then; processes live on.
 */

import type { Moment } from '../../src/clock.ts';
import type { EngineState } from '../../src/engine/engine-state.ts';
import type { EngineRef } from '../../src/engine/identity.ts';
import { engineId } from '../../src/engine/identity.ts';
import type { ProbeResult } from '../../src/engine/samples-state.ts';
import type { Effect } from '../../src/pool/effects.ts';
import type { PoolEvent } from '../../src/pool/pool-events.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { isRemembered } from '../../src/pool/rows.ts';
import type { StartGateEvent, StartGateState } from '../../src/pool/start-gate-state.ts';
import { newStartGate } from '../../src/pool/start-gate-state.ts';
import { generationIn } from '../../src/pool/turn.ts';
import { Asked } from './asked.ts';
import { stepOf } from './changes.ts';
import type { Decided, Ground, Rule, Step, Told } from './ground.ts';
import { LeaseApi } from './lease-api.ts';
import type { Machine } from './machine.ts';
import type { Nature } from './nature.ts';
import { ownerOf, portFor } from './ports.ts';
import type { Probing } from './probing.ts';
import { probe } from './probing.ts';
import type { Process } from './processes.ts';
import { treeLives } from './processes.ts';
import { Timers } from './timers.ts';
import { must } from './violation.ts';

export interface DaemonOptions {
  readonly ground: Ground;
  readonly machine: Machine;
  readonly nature: Nature;
  readonly rules: readonly Rule[];
  readonly epoch: number;
  /** Told after each step that was stored, before its effects. */
  readonly stepped: (step: Step) => void;
  readonly died: () => void;
}

export class Daemon {
  alive = true;
  /** For whoever wants a lease, once it listens. */
  api: LeaseApi | null = null;
  gate: StartGateState;
  readonly epoch: number;
  readonly states = new Map<string, PoolState>();
  /** Generations whose process this daemon has proved to be ours. */
  readonly verified = new Set<string>();
  readonly probing = new Map<string, Probing>();
  /** Port → whose it is. */
  readonly ports = new Map<number, string>();
  readonly #given: DaemonOptions;
  readonly #leases: Asked;
  readonly #awaited = new Set<string>();
  readonly #exitTold = new Set<string>();
  readonly #goneTold = new Set<string>();
  readonly #timers: Timers;

  constructor(given: DaemonOptions) {
    this.#given = given;
    this.epoch = given.epoch;
    this.gate = newStartGate(given.ground.perDevice);
    this.#timers = new Timers({ ...given, state: (pool) => this.state(pool), tick: (pool) => this.handle(pool, { type: 'tick' }) });
    const { nature, machine } = given;
    this.#leases = new Asked({
      soon: (run) => this.#soon(run),
      tell: (told) => this.after(0, told),
      state: (pool) => this.state(pool),
      decided: (pool, state, event) => machine.next(state, event, this.#moment(pool)),
      stored: (pool, state, effects) => this.#stored(pool, state, effects),
      stepped: (step) => this.#stepped(step),
      run: (pool, effect) => this.#run(pool, effect),
      armed: (pool) => this.#timers.arm(pool),
      dies: () => nature.dies(),
      die: () => this.die(),
    });
  }

  state(pool: string): PoolState {
    const state = this.states.get(pool);
    if (state === undefined) throw new Error(`no pool ${pool}`);
    return state;
  }

  /** One event, to its end. */
  handle(pool: string, event: PoolEvent): void {
    if (!this.alive) return;
    const { machine, nature } = this.#given;
    const before = this.state(pool);
    const [after, effects] = machine.next(before, event, this.#moment(pool));
    const deathAt = nature.dies();
    if (deathAt === 0) {
      if (!machine.storesFirst) for (const effect of effects) this.#run(pool, effect);
      this.die();
      return;
    }
    this.#stored(pool, after, effects);
    this.#stepped({ pool, before, after, event, effects });
    let done = 1;
    for (const effect of effects) {
      if (deathAt === done) break;
      this.#run(pool, effect);
      done += 1;
    }
    if (deathAt !== null) this.die();
    else this.#timers.arm(pool);
  }

  die(): void {
    this.alive = false;
    for (const probing of this.probing.values()) probing.stopped = true;
    this.#given.died();
  }

  /** Later, unless this daemon is gone by then. */
  after(delayMs: number, run: () => void): void {
    this.#given.ground.after(delayMs, () => {
      if (this.alive) run();
    });
  }

  #soon(run: () => void): void {
    const { ground, nature } = this.#given;
    if (!nature.asksFirst()) return this.after(0, run);
    ground.agenda.addFirst(ground.nowMs, () => {
      if (this.alive) run();
    });
  }

  mainEnded(process: Process): void {
    const key = keyOf(process.ref);
    if (!this.alive || !this.verified.has(key)) return;
    const exit = { code: process.exit?.code ?? null, signal: process.exit?.signal ?? null, atMs: this.#given.ground.wallMs };
    const delayMs = this.#given.nature.delayMs('exited', engineId(process.ref));
    this.after(delayMs, () => {
      this.#exitTold.add(key);
      // The regular check looks every 5 s: what comes that late was missed by the event.
      this.handle(process.ref.pool, {
        type: 'exited',
        ...about(process.ref),
        exit: { ...exit, seen: delayMs >= 1_000 ? 'check' : 'event', spawnFailure: null },
      });
      this.treeGone(process);
    });
  }

  treeGone(process: Process): void {
    const key = keyOf(process.ref);
    if (!this.alive || treeLives(process) || !this.#awaited.has(key) || this.#goneTold.has(key)) return;
    if (this.verified.has(key) && !this.#exitTold.has(key)) return;
    this.#goneTold.add(key);
    const { oomKilled, traits } = process;
    const evidence = { oomKilled, patternClass: traits.patternClass, matchedLine: null, lastLines: [] };
    this.after(this.#given.nature.delayMs('gone', engineId(process.ref)), () =>
      this.handle(process.ref.pool, { type: 'gone', ...about(process.ref), evidence }),
    );
  }

  /** It was found after a start of the daemon: its end, if that has come, is told by who found it. */
  proved(process: Process, exitKnown: boolean): void {
    this.verified.add(keyOf(process.ref));
    if (exitKnown) this.#exitTold.add(keyOf(process.ref));
    else if (!process.mainLives) this.mainEnded(process);
  }

  gated(event: StartGateEvent): void {
    const [gate, granted] = this.#given.machine.gateNext(this.gate, event);
    this.gate = gate;
    for (const { pool, replica, generation } of granted)
      this.after(0, () => this.handle(pool, { type: 'spawnGranted', replica, generation }));
  }

  /** All are taken in: in a moment it takes requests. */
  opens(): void {
    this.after(this.#given.nature.delayMs('opened', ''), () => {
      for (const pool of this.states.keys()) this.handle(pool, { type: 'opened' });
      if (this.alive) this.#listens();
    });
  }

  #listens(): void {
    const { ground } = this.#given;
    this.api = new LeaseApi({
      asked: this.#leases,
      state: (pool) => this.state(pool),
      pools: [...this.states.keys()],
      newKeys: this.#given.machine.newKeys,
      nowMs: () => ground.nowMs,
      newId: (kind) => ground.newId(kind),
      tell: (told) => this.after(0, told),
      past: ground.ended,
    });
  }

  #moment(pool: string): Moment {
    const { nowMs, wallMs } = this.#given.ground;
    return { nowMs, wallMs, random: () => this.#given.nature.random(pool) };
  }

  #stepped(decided: Decided): void {
    this.#given.stepped(stepOf(decided, this.#given.ground));
  }

  #stored(pool: string, after: PoolState, effects: readonly Effect[]): void {
    const { ground } = this.#given;
    this.states.set(pool, after);
    ground.stored(pool, after);
    for (const effect of effects) {
      if (effect.do === 'record') ground.history.push(effect.entry);
      if (effect.do === 'leaseEnded' && isRemembered(effect.ended)) ground.ended.push({ pool, ended: effect.ended });
      // A person's word holds from the commit on.
      if (effect.do === 'abandon') {
        const process = ground.processes.find(effect.ref);
        if (process !== undefined) process.forgotten = true;
      }
    }
  }

  #run(pool: string, effect: Effect): void {
    const { ground, nature } = this.#given;
    switch (effect.do) {
      case 'prepare':
        this.after(nature.delayMs('prepared', pool), () => {
          this.handle(pool, { type: 'prepared', specId: effect.specId, failure: nature.prepareFails(pool) });
        });
        return;
      case 'preflight':
        return this.#preflight(effect);
      case 'requestSpawn':
        return this.gated({ type: 'requested', request: { ref: effect.ref, device: effect.device } });
      case 'spawn':
        return this.#spawn(effect.ref);
      case 'releaseSpawn':
        return this.gated({ type: 'spawnLeft', ref: effect.ref });
      case 'releaseDevice':
        return this.gated({ type: 'deviceLeft', ref: effect.ref });
      case 'releasePort':
        for (const [port, owner] of this.ports) if (owner === ownerOf({ pool, ...effect })) this.ports.delete(port);
        return;
      case 'abandon':
        this.verified.delete(keyOf(effect.ref));
        return;
      case 'release':
        ground.processes.release(effect.ref);
        if (ground.handoffs.get(engineId(effect.ref)) === effect.ref.generation) ground.handoffs.delete(engineId(effect.ref));
        return;
      case 'probe':
        return this.#probe(effect);
      case 'askInUse':
        return this.probing.get(keyOf(effect.ref))?.askInUse();
      case 'stopProbing':
        return this.#stopProbing(effect.ref);
      case 'writeHandoff':
        ground.handoffs.set(engineId(effect.ref), effect.ref.generation);
        return;
      case 'removeHandoff':
        if (ground.handoffs.get(engineId(effect.ref)) === effect.ref.generation) ground.handoffs.delete(engineId(effect.ref));
        return;
      case 'awaitGone':
        return this.#awaitGone(effect.ref);
      case 'terminate':
      case 'terminateRest':
      case 'kill':
      case 'signal':
        return this.#tell(effect.do, effect.ref);
      case 'emit':
      case 'record':
      case 'operation':
      case 'onExit':
        return;
      case 'answer':
        return this.#leases.answered(effect.to, effect.answer);
      case 'leaseEnded':
        return this.api?.leaseEnded(pool, effect.ended);
      case 'ticketEnded':
        return this.api?.ticketEnded(pool, effect.ended);
      default:
        effect satisfies never;
    }
  }

  #preflight(asked: Extract<Effect, { readonly do: 'preflight' }>): void {
    const { ground, nature } = this.#given;
    const { pool, replica, generation } = asked.ref;
    const engine = this.#engine(asked.ref);
    const spec = this.state(pool).specs[asked.specId];
    if (engine === undefined) return;
    if (spec === undefined) throw new Error(`no spec ${asked.specId}`);
    const failure = nature.preflightFails(asked.ref);
    this.after(nature.delayMs('preflown', engineId(asked.ref)), () => {
      if (this.#engine(asked.ref) === undefined) return;
      const found = portFor({ ports: this.ports, ground, owner: ownerOf({ ...asked.ref, side: engine.side }), spec: spec.engine.port });
      const failed = failure ?? (found === 'busy' ? { class: 'port_busy' as const, message: 'a stranger listens there' } : null);
      if (failed !== null) this.handle(pool, { type: 'startFailed', replica, generation, ...failed });
      else if (found !== 'busy')
        this.handle(pool, { type: 'preflown', replica, generation, port: found, device: spec.engine.devices?.[replica] ?? null });
    });
  }

  #spawn(ref: EngineRef): void {
    const { ground, nature, rules } = this.#given;
    const failure = nature.spawnFails(ref);
    const delayMs = nature.delayMs('spawned', engineId(ref));
    const { pool, replica, generation } = ref;
    if (failure !== null) {
      this.after(delayMs, () => this.handle(pool, { type: 'startFailed', replica, generation, ...failure }));
      return;
    }
    const engine = this.#engine(ref);
    if (engine === undefined || !('run' in engine.phase)) return;
    const { port, specId } = engine.phase.run;
    const spec = this.state(pool).specs[specId];
    if (spec === undefined) throw new Error(`no spec ${specId}`);
    for (const rule of rules) rule.making?.({ ref, port });
    const process = ground.processes.make({ ref, port, traits: nature.traits(ref, spec), bootId: ground.bootId });
    this.after(delayMs, () => {
      this.verified.add(keyOf(ref));
      this.handle(pool, { type: 'spawned', replica, generation, identity: process.identity });
      if (this.alive && !process.mainLives) this.mainEnded(process);
    });
  }

  /** Watched by its identity: where none was ever recorded there is nothing to watch. */
  #awaitGone(ref: EngineRef): void {
    const key = keyOf(ref);
    const engine = this.#engine(ref);
    const process = this.#given.ground.processes.find(ref);
    if (engine === undefined || !('run' in engine.phase) || engine.phase.run.identity === null || process === undefined) return;
    must(!this.#awaited.has(key), 'replay', () => `${key} is awaited twice by one daemon`);
    this.#awaited.add(key);
    this.treeGone(process);
  }

  #probe(effect: Extract<Effect, { readonly do: 'probe' }>): void {
    this.#stopProbing(effect.ref);
    const { ground, nature } = this.#given;
    const { ref, phase } = effect;
    const process = ground.processes.find(ref);
    const engine = this.#engine(ref);
    const spec = engine !== undefined && 'run' in engine.phase ? this.state(ref.pool).specs[engine.phase.run.specId] : undefined;
    if (process === undefined || spec === undefined) return;
    const probes = { ...spec.probes, inUse: spec.inUse };
    const answered = (result: ProbeResult): void => this.handle(ref.pool, { type: 'probed', ...about(ref), result });
    this.probing.set(keyOf(ref), probe({ ground, nature, ref, phase, probes, process, answered }));
  }

  #stopProbing(ref: EngineRef): void {
    const key = keyOf(ref);
    const probing = this.probing.get(key);
    if (probing === undefined) return;
    probing.stopped = true;
    this.probing.delete(key);
  }

  #tell(what: Told, ref: EngineRef): void {
    const { ground, rules } = this.#given;
    const process = ground.processes.find(ref);
    const key = keyOf(ref);
    must(process !== undefined && this.verified.has(key), 'kill', () => `${what} for ${key}, which this daemon has not proved to be ours`);
    if (process === undefined) return;
    for (const rule of rules) rule.told?.(what, process);
    if ((what === 'terminate' || what === 'terminateRest') && process.termEpoch !== this.epoch) {
      process.termAtMs = ground.nowMs;
      process.termEpoch = this.epoch;
    }
    if (what === 'terminate') {
      ground.processes.term(process);
      if (!process.mainLives) ground.processes.termRest(process);
    } else if (what === 'terminateRest') ground.processes.termRest(process);
    else if (what === 'kill') ground.processes.kill(process);
  }

  #engine(ref: EngineRef): EngineState | undefined {
    return generationIn(this.state(ref.pool), ref);
  }
}

export function keyOf(ref: EngineRef): string {
  return `${ref.pool}/${ref.replica}#${ref.generation}`;
}

function about(ref: EngineRef): { readonly replica: number; readonly generation: number } {
  return { replica: ref.replica, generation: ref.generation };
}
