/** Carries effects out: each to the room or the host, each answer back into the pool's mailbox with the generation it is about. No policy. */
import { livePhase } from '../engine/engine-state.ts';
import type { EngineRef } from '../engine/identity.ts';
import type { LeaseEars } from '../lease/lease-ears.ts';
import type { Effect } from './effects.ts';
import type { HistoryEntry } from './host.ts';
import type { PoolEvent } from './pool-events.ts';
import type { PoolState } from './pool-state.ts';
import type { FailedStart, Living, Order, Room } from './room.ts';
import type { StartGate } from './start-gate.ts';
import { currentSpec, generationIn, specOf } from './turn.ts';

export interface RunnerParts {
  readonly room: Room;
  readonly gate: StartGate;
  readonly leases: LeaseEars;
  readonly state: () => PoolState;
  readonly post: (event: PoolEvent) => void;
  readonly record: (entry: HistoryEntry) => void;
  readonly fault: (error: unknown) => void;
}

export class EffectRunner {
  readonly #parts: RunnerParts;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  run(effect: Effect): void {
    const { room, gate } = this.#parts;
    switch (effect.do) {
      // Both went with the commit, or onto the bus, before any effect was run.
      case 'emit':
      case 'record':
      case 'operation':
        return;
      case 'answer':
        return this.#parts.leases.answered(effect.to, effect.answer);
      case 'leaseEnded':
        return this.#parts.leases.leaseEnded(this.#parts.state().name, effect.ended);
      case 'ticketEnded':
        return this.#parts.leases.ticketEnded(this.#parts.state().name, effect.ended);
      case 'prepare':
        return this.#prepare(effect.specId);
      case 'preflight':
        return this.#preflight(effect.ref);
      case 'requestSpawn':
        return gate.request({
          ref: effect.ref,
          device: effect.device,
          granted: () => this.#parts.post({ type: 'spawnGranted', ...effect.ref }),
        });
      case 'spawn':
        return this.#spawn(effect.ref);
      case 'releaseSpawn':
        return gate.spawnLeft(effect.ref);
      case 'releaseDevice':
        return gate.deviceLeft(effect.ref);
      case 'abandon':
        return room.abandon(effect.ref);
      case 'release':
        return room.release(effect.ref);
      case 'releasePort':
        return room.releasePort({ pool: this.#parts.state().name, replica: effect.replica, side: effect.side });
      case 'askInUse':
        return room.askInUse(effect.ref);
      case 'stopProbing':
        return room.stopProbing(effect.ref);
      case 'removeHandoff':
        return room.removeHandoff(effect.ref);
      case 'onExit':
        return this.#onExit(effect.entry);
      default:
        return this.#runLiving(effect);
    }
  }

  #runLiving(
    effect: Extract<Effect, { do: 'probe' | 'writeHandoff' | 'signal' | 'terminate' | 'terminateRest' | 'kill' | 'awaitGone' }>,
  ): void {
    const { room, post } = this.#parts;
    const living = livingOf(this.#parts.state(), effect.ref);
    if (living === null) return;
    switch (effect.do) {
      case 'probe':
        return room.probe(living, effect.phase, (result) => post({ type: 'probed', ...effect.ref, result }));
      case 'writeHandoff':
        return room.writeHandoff(living);
      case 'signal':
        return room.signal(living.identity, effect.ref, effect.signal);
      case 'terminate':
        return room.terminate(living);
      case 'terminateRest':
        return room.terminateRest(living);
      case 'kill':
        return room.kill(living);
      case 'awaitGone':
        return this.#awaitGone(living);
      default:
        effect satisfies never;
    }
  }

  #prepare(specId: string): void {
    const { room, state, post } = this.#parts;
    this.#answer(room.prepare(specOf(state(), specId), specId), (failure) => post({ type: 'prepared', specId, failure }));
  }

  #preflight(ref: EngineRef): void {
    const order = orderOf(this.#parts.state(), ref);
    if (order === null) return;
    this.#answer(this.#parts.room.preflight(order), (answer) => {
      if ('class' in answer) this.#failed(ref, answer);
      else this.#parts.post({ type: 'preflown', ...ref, ...answer });
    });
  }

  #spawn(ref: EngineRef): void {
    const order = orderOf(this.#parts.state(), ref);
    if (order === null) return;
    this.#answer(this.#parts.room.spawn(order), (answer) => {
      if ('class' in answer) return this.#failed(ref, answer);
      this.#parts.post({ type: 'spawned', ...ref, identity: answer });
      this.#parts.room.watchEnd({ ...order, identity: answer }, (exit) => this.#parts.post({ type: 'exited', ...ref, exit }));
    });
  }

  #failed(ref: EngineRef, failure: FailedStart): void {
    this.#parts.post({ type: 'startFailed', ...ref, ...failure });
  }

  #awaitGone(living: Living): void {
    const { room, state, post } = this.#parts;
    const exit = () => livingRun(state(), living.ref)?.run.exit ?? null;
    this.#answer(room.gone(living, exit), (evidence) => post({ type: 'gone', ...living.ref, evidence }));
  }

  #onExit(entry: HistoryEntry): void {
    const { room, state, record } = this.#parts;
    this.#answer(room.onExit(currentSpec(state()), entry), (onExit) => record({ ...entry, onExit }));
  }

  #answer<T>(promise: Promise<T>, told: (answer: T) => void): void {
    promise.then(told).catch(this.#parts.fault);
  }
}

export function livingOf(state: PoolState, ref: EngineRef): Living | null {
  const order = orderOf(state, ref);
  const identity = livingRun(state, ref)?.run.identity ?? null;
  return order === null || identity === null ? null : { ...order, identity };
}

export function orderOf(state: PoolState, ref: EngineRef): Order | null {
  const live = livingRun(state, ref);
  const engine = generationIn(state, ref);
  return live === null || engine === undefined
    ? null
    : { ref, side: engine.side, spec: specOf(state, live.run.specId), port: live.run.port, device: live.run.device };
}

function livingRun(state: PoolState, ref: EngineRef) {
  const engine = generationIn(state, ref);
  return engine === undefined ? null : livePhase(engine);
}
