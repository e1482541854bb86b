/** Invariant 12: probes run while an engine starts or serves, and never into its end. Looked at when the effects of the step before are through. */
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { Daemon } from '../daemon.ts';
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
    const { daemon } = this.#world;
    if (daemon !== null) for (const pool of pools) probedRightly(daemon, pool);
  }
}

function probedRightly(daemon: Daemon, pool: string): void {
  const state = daemon.state(pool);
  let probed = 0;
  for (const [id, { ref }] of daemon.probing) {
    if (ref.pool !== pool) continue;
    const engine = lifeIn(state, ref);
    const is = engine?.phase.is;
    const meant = is === 'starting' || is === 'ready' || is === 'unready';
    must(meant, 'probing', () => `${id} is probed and it is ${is ?? 'gone'}`);
    if (engine !== undefined && asksForProbes(engine)) probed += 1;
  }
  if (state.restoring) return;
  const asking = everyEngine(state).filter(asksForProbes);
  must(
    probed === asking.length,
    'probing',
    () =>
      `of ${asking.map(({ replica, generation, phase }) => `${pool}/${replica}#${generation} (${phase.is})`).join()} only ${probed} are probed`,
  );
}

function asksForProbes({ phase }: EngineState): boolean {
  return phase.is === 'ready' || phase.is === 'unready' || (phase.is === 'starting' && phase.step === 'probing');
}
