/** Invariant 12: probes run while an engine starts or serves, and never into its end. Looked at when the effects of the step before are through. */
import type { Rule } from '../ground.ts';
import { must } from '../violation.ts';
import type { World } from '../world.ts';
import { engineIn } from './questions.ts';

export class ProbingRule implements Rule {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  between(): void {
    const { daemon, ground } = this.#world;
    if (daemon === null) return;
    for (const [id, { ref }] of daemon.probing) {
      const engine = engineIn(daemon.state(ref.pool), ref.replica);
      const is = engine?.phase.is;
      const meant = engine?.generation === ref.generation && (is === 'starting' || is === 'ready' || is === 'unready');
      must(meant, 'probing', () => `${id} generation ${ref.generation} is probed and it is ${is}, generation ${engine?.generation}`);
    }
    for (const [pool, state] of ground.disk) {
      if (daemon.state(pool).restoring) continue;
      for (const { replica, generation, phase } of state.engines) {
        const probed = phase.is === 'ready' || phase.is === 'unready' || (phase.is === 'starting' && phase.step === 'probing');
        if (!probed) continue;
        const known = daemon.probing.get(`${pool}/${replica}`);
        must(known?.ref.generation === generation, 'probing', () => `${pool}/${replica} is ${phase.is} and nobody probes it`);
      }
    }
  }
}
