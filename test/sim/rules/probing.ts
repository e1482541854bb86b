/** Invariant 12: probes run while an engine starts or serves, and never into its end. Looked at when the effects of the step before are through. */
import type { Rule } from '../ground.ts';
import { must } from '../violation.ts';
import type { World } from '../world.ts';
import { everyEngine, lifeIn } from './questions.ts';

export class ProbingRule implements Rule {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  between(pools: ReadonlySet<string>): void {
    const { daemon, ground } = this.#world;
    if (daemon === null) return;
    for (const [id, { ref }] of daemon.probing) {
      if (!pools.has(ref.pool)) continue;
      const is = lifeIn(daemon.state(ref.pool), ref)?.phase.is;
      const meant = is === 'starting' || is === 'ready' || is === 'unready';
      must(meant, 'probing', () => `${id} is probed and it is ${is ?? 'gone'}`);
    }
    for (const pool of pools) {
      const state = ground.disk.get(pool);
      if (state === undefined || daemon.state(pool).restoring) continue;
      for (const { replica, generation, phase } of everyEngine(state)) {
        const probed = phase.is === 'ready' || phase.is === 'unready' || (phase.is === 'starting' && phase.step === 'probing');
        if (!probed) continue;
        const id = `${pool}/${replica}#${generation}`;
        must(daemon.probing.has(id), 'probing', () => `${id} is ${phase.is} and nobody probes it`);
      }
    }
  }
}
