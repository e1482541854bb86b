/** A world written by hand: one pool, nothing random, nothing takes time but what a sequence says. Times are milliseconds since `zero`. */
import type { PoolSpec } from '../../src/config/spec.ts';
import type { EngineRef } from '../../src/engine/identity.ts';
import type { EventType, Fact } from '../../src/events/event.ts';
import type { PoolCommand } from '../../src/pool/host.ts';
import type { PoolEvent } from '../../src/pool/pool-events.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { poolStatus } from '../../src/pool/pool-view.ts';
import type { EngineStatus, PoolStatus } from '../../src/pool/status.ts';
import { WORKER } from '../worker-spec.ts';
import type { Step } from './ground.ts';
import { theMachine } from './machine.ts';
import type { Nature } from './nature.ts';
import { KIND_NATURE } from './nature.ts';
import type { End, Traits } from './traits.ts';
import { HEALTHY } from './traits.ts';
import { World } from './world.ts';

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

export interface Told {
  readonly atMs: number;
  readonly type: EventType;
  readonly engine: string | null;
  readonly facts: Readonly<Record<string, Fact>>;
}

const CRASH: End = { code: 1, signal: null };

export class Script {
  /** How each generation behaves, beside being healthy. */
  behaves: (ref: EngineRef) => Partial<Traits> = () => ({});
  /** Null or the reason why its spawn fails. */
  spawnFails: Nature['spawnFails'] = () => null;
  readonly world: World;
  readonly #told: Told[] = [];
  readonly #spawns: { readonly replica: number; readonly atMs: number; readonly cause: string }[] = [];
  #zeroMs: number;

  constructor(spec: Partial<PoolSpec>) {
    const nature: Nature = {
      ...KIND_NATURE,
      traits: (ref) => ({ ...HEALTHY, ...this.behaves(ref) }),
      spawnFails: (ref) => this.spawnFails(ref),
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
  told(type: EventType): Told[] {
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
      const phase = step.after.engines.find((engine) => engine.replica === replica)?.phase;
      this.#spawns.push({ replica, atMs: step.nowMs, cause: phase !== undefined && 'run' in phase ? phase.run.cause : '' });
    }
  }
}
