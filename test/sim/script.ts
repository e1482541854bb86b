/** A world written by hand: one pool, nothing random, nothing takes time but what a sequence says. Times are milliseconds since `zero`. */
import type { PoolSpec } from '../../src/config/spec.ts';
import type { EngineRef } from '../../src/engine/identity.ts';
import type { EventType, Fact } from '../../src/events/event.ts';
import type { AcquireRequest } from '../../src/lease/lease.ts';
import type { Held } from '../../src/lease/lease-events.ts';
import type { PoolCommand } from '../../src/pool/host.ts';
import type { PoolEvent } from '../../src/pool/pool-events.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { poolStatus } from '../../src/pool/pool-view.ts';
import type { EngineStatus, PoolStatus } from '../../src/pool/status.ts';
import { generationIn } from '../../src/pool/turn.ts';
import { WORKER } from '../worker-spec.ts';
import { Connection } from './connection.ts';
import type { Step } from './ground.ts';
import type { LeaseApi, Told } from './lease-api.ts';
import { theMachine } from './machine.ts';
import type { Nature } from './nature.ts';
import { KIND_NATURE } from './nature.ts';
import type { End, Traits } from './traits.ts';
import { HEALTHY } from './traits.ts';
import { World } from './world.ts';

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

export interface Happened {
  readonly atMs: number;
  readonly type: EventType;
  readonly engine: string | null;
  readonly facts: Readonly<Record<string, Fact>>;
}

/** Somebody who has asked for a lease, with all that he was told. */
export class Asking {
  readonly told: Told[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  get api(): LeaseApi {
    const { api } = this.#world.daemon ?? { api: null };
    if (api === null) throw new Error('no daemon listens');
    return api;
  }

  readonly hears = (told: Told): void => {
    this.told.push(told);
  };

  /** As it was told last. */
  get held(): Held {
    const last = this.told.findLast((told) => 'held' in told);
    if (last === undefined || !('held' in last)) throw new Error(`nothing was granted: ${JSON.stringify(this.told)}`);
    return last.held;
  }

  get answers(): readonly string[] {
    return this.told.map((told) => (told.is === 'refused' ? told.code : told.is === 'ended' ? `ended ${told.how}` : told.is));
  }

  renews(): this {
    const { id, token } = this.held.lease;
    this.api.renew(id, { token, ttlMs: null }, this.hears);
    return this;
  }

  releases(): this {
    const { id, token } = this.held.lease;
    this.api.release(id, { token, engineFailed: false }, this.hears);
    return this;
  }
}

const CRASH: End = { code: 1, signal: null };

export class Script {
  /** How each generation behaves, beside being healthy. */
  behaves: (ref: EngineRef) => Partial<Traits> = () => ({});
  /** Null or the reason why its spawn fails. */
  spawnFails: Nature['spawnFails'] = () => null;
  /** What is asked is decided before what else is due at that time. */
  asksFirst = false;
  readonly world: World;
  readonly #told: Happened[] = [];
  readonly #spawns: { readonly replica: number; readonly atMs: number; readonly cause: string }[] = [];
  #zeroMs: number;

  constructor(spec: Partial<PoolSpec>) {
    const nature: Nature = {
      ...KIND_NATURE,
      traits: (ref) => ({ ...HEALTHY, ...this.behaves(ref) }),
      spawnFails: (ref) => this.spawnFails(ref),
      asksFirst: () => this.asksFirst,
    };
    const watched = (step: Step): void => this.#watched(step);
    this.world = new World({ specs: [{ ...WORKER, ...spec }], nature, machine: theMachine, perDevice: null, watched });
    this.#zeroMs = this.world.ground.nowMs;
  }

  /** Starts the first daemon, or the next one. */
  boot(): this {
    this.world.boot();
    return this;
  }

  /** From here on times are counted from now. */
  zero(): this {
    this.#zeroMs = this.world.ground.nowMs;
    return this;
  }

  get nowMs(): number {
    return this.world.ground.nowMs - this.#zeroMs;
  }

  /** Lets time pass until then. */
  until(atMs: number): this {
    this.world.runUntil(this.#zeroMs + atMs);
    return this;
  }

  dies(replica: number, how: End = CRASH): this {
    for (const process of this.world.ground.processes.living({ pool: 'chat', replica })) this.world.ground.processes.end(process, how);
    return this;
  }

  hangs(replica: number): this {
    for (const process of this.world.ground.processes.living({ pool: 'chat', replica })) process.hangs = true;
    return this;
  }

  daemonDies(): this {
    this.world.daemon?.die();
    return this;
  }

  reboots(): this {
    this.daemonDies();
    this.world.ground.reboot(30 * SECOND);
    this.zero();
    return this.boot();
  }

  /** At that very time, whatever else is due then. */
  at(atMs: number, run: () => void): this {
    this.world.ground.agenda.addLasting(this.#zeroMs + atMs, run);
    return this;
  }

  /** Asks for a lease; what is told of it is added as it comes. */
  asks(request: Partial<AcquireRequest> = {}): Asking {
    const asking = new Asking(this.world);
    const whole = {
      holder: 'somebody',
      client: 'here',
      key: null,
      ttlMs: 30 * SECOND,
      priority: null,
      bind: 'ttl',
      waitMs: null,
      ...request,
    } as const;
    asking.api.acquire('chat', whole, new Connection(), asking.hears);
    return asking;
  }

  reload(version: string, strategy: 'rolling' | 'blue-green' | 'recreate'): string | null {
    const how = { deadlineMs: null, cutLeases: false, same: false, admin: true } as const;
    return this.does({ do: 'reload', version, vars: {}, strategy, ...how });
  }

  /** Operations that have ended since zero. */
  get outcomes(): readonly (readonly [Fact | undefined, Fact | undefined])[] {
    return this.told('operation.finished').map(({ facts }) => [facts.kind, facts.outcome]);
  }

  /** The code of its refusal, or null. */
  does(command: PoolCommand): string | null {
    return this.world.command('chat', command);
  }

  sends(event: PoolEvent): this {
    this.world.send('chat', event);
    return this;
  }

  get state(): PoolState {
    return this.world.state('chat');
  }

  get status(): PoolStatus {
    const { nowMs, wallMs } = this.world.ground;
    return poolStatus(this.state, { nowMs, wallMs, containment: 'weak', external: [] });
  }

  engine(replica: number): EngineStatus {
    const engine = this.status.engines[replica];
    if (engine === undefined) throw new Error(`there is no chat/${replica}`);
    return engine;
  }

  /** When spawns began since zero, in their order. */
  starts(replica?: number): { readonly replica: number; readonly atMs: number; readonly cause: string }[] {
    const since = this.#spawns.filter((spawn) => spawn.atMs >= this.#zeroMs && (replica === undefined || spawn.replica === replica));
    return since.map((spawn) => ({ ...spawn, atMs: Math.round(spawn.atMs - this.#zeroMs) }));
  }

  startTimes(replica?: number): number[] {
    return this.starts(replica).map(({ atMs }) => atMs);
  }

  /** What was told since zero. */
  told(type: EventType): Happened[] {
    return this.#told
      .filter((event) => event.type === type && event.atMs >= this.#zeroMs)
      .map((event) => ({ ...event, atMs: Math.round(event.atMs - this.#zeroMs) }));
  }

  /** When the pool's own breaker moved since zero. */
  breaker(move: 'opened' | 'half_opened' | 'closed'): number[] {
    return this.told(`breaker.${move}`).flatMap(({ atMs, engine, facts }) => (engine === null && facts.class === 'any' ? [atMs] : []));
  }

  #watched(step: Step): void {
    for (const effect of step.effects) {
      if (effect.do === 'emit') {
        const { type, engine, facts } = effect.happening;
        this.#told.push({ atMs: step.nowMs, type, engine: engine ?? null, facts });
      }
      if (effect.do !== 'spawn') continue;
      const { replica } = effect.ref;
      const phase = generationIn(step.after, effect.ref)?.phase;
      this.#spawns.push({ replica, atMs: step.nowMs, cause: phase !== undefined && 'run' in phase ? phase.run.cause : '' });
    }
  }
}
