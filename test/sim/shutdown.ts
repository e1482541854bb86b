/** A person ends the daemon in order. Invariant 37: with `stop` nothing of ours is left but what cannot be killed; with `keep` exactly what is recorded. */
import { isLive } from '../../src/engine/engine-state.ts';
import { allEngines, generationIn } from '../../src/pool/turn.ts';
import { must } from './violation.ts';
import type { World } from './world.ts';

export class Shutdown {
  readonly #world: World;
  /** The daemon that is stopping its engines. */
  #epoch: number | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  asked(engines: 'stop' | 'keep'): void {
    const { daemon } = this.#world;
    if (daemon === null) return;
    if (engines === 'keep') {
      this.#recordedIsLeft();
      daemon.die();
      return;
    }
    this.#epoch = daemon.epoch;
    for (const pool of [...daemon.states.keys()]) daemon.handle(pool, { type: 'shutdown' });
  }

  between(): void {
    const { daemon, ground } = this.#world;
    if (daemon === null || daemon.epoch !== this.#epoch) return;
    const engines = [...daemon.states.values()].flatMap(allEngines);
    if (engines.some((engine) => isLive(engine) && engine.phase.is !== 'stuck')) return;
    this.#epoch = null;
    for (const { ref, forgotten } of ground.processes.allLiving()) {
      const engine = generationIn(daemon.state(ref.pool), ref);
      must(
        forgotten || engine?.phase.is === 'stuck',
        'shutdown',
        () => `${ref.pool}/${ref.replica} lives on and its engine is ${engine?.phase.is}`,
      );
    }
    daemon.die();
  }

  #recordedIsLeft(): void {
    const { ground } = this.#world;
    for (const { ref, forgotten } of ground.processes.allLiving()) {
      const state = ground.disk.get(ref.pool);
      const engine = state === undefined ? undefined : generationIn(state, ref);
      const recorded = engine !== undefined && isLive(engine);
      must(forgotten || recorded, 'shutdown', () => `${ref.pool}/${ref.replica} generation ${ref.generation} lives and is not recorded`);
    }
  }
}
