/**
 * What a start of the daemon does, in the order of `src/pool/restore.ts`: the states come from the disk; `rebooted` where they were stored in another
 * boot; of each engine that was live what has become of it; when all are found, the file's word; and then the doors open. Nothing else is known of what was
 * under way.
 */
import type { EngineState } from '../../src/engine/engine-state.ts';
import { livePhase } from '../../src/engine/engine-state.ts';
import { newPool } from '../../src/pool/pool-state.ts';
import { allEngines } from '../../src/pool/turn.ts';
import { setsKept, withSets } from '../../src/rollout/plan-state.ts';
import type { Daemon } from './daemon.ts';
import type { Ground } from './ground.ts';
import type { Machine } from './machine.ts';
import { ownerOf } from './ports.ts';

export interface Booting {
  readonly ground: Ground;
  readonly machine: Machine;
  readonly daemon: Daemon;
}

export function booted(given: Booting): void {
  const { ground, machine, daemon } = given;
  const { disk, file } = ground;
  for (const pool of disk.keys()) daemon.states.set(pool, machine.restored(ground.read(pool), daemon.epoch));
  for (const [pool, spec] of file) {
    const specId = spec === null ? '' : ground.specId(spec);
    if (!disk.has(pool) && spec !== null)
      daemon.states.set(pool, machine.restored(newPool({ spec, specId, nowMs: ground.nowMs }), daemon.epoch));
  }
  placesTaken(given);
  for (const [pool, state] of daemon.states) {
    const storedIn = ground.diskBoot.get(pool);
    if (storedIn !== undefined && storedIn !== ground.boot) daemon.handle(pool, { type: 'rebooted' });
    for (const engine of allEngines(state)) found(given, pool, engine);
  }
  for (const pool of daemon.states.keys()) {
    const { sets, specId: known } = daemon.state(pool);
    const spec = file.get(pool) ?? null;
    daemon.handle(pool, { type: 'configured', spec, specId: spec === null ? known : ground.specId(withSets(spec, setsKept(sets, spec))) });
  }
  daemon.opens();
}

/** Ports and devices that live engines hold. */
function placesTaken({ ground, daemon }: Booting): void {
  for (const state of daemon.states.values()) {
    for (const engine of allEngines(state)) {
      const run = livePhase(engine)?.run;
      const ref = { pool: state.name, replica: engine.replica, generation: engine.generation };
      const process = ground.processes.find(ref);
      if (run === undefined || process === undefined) continue;
      if (run.port !== null) daemon.ports.set(run.port, ownerOf({ ...ref, side: engine.side }));
      if (run.device === null || run.firstReadyMs !== null) continue;
      daemon.gated({ type: 'found', request: { ref, device: run.device } });
    }
  }
}

function found({ ground, daemon }: Booting, pool: string, engine: EngineState): void {
  const live = livePhase(engine);
  if (live === null || !daemon.alive) return;
  const { replica, generation } = engine;
  // Before its intent was stored nobody looks for a process.
  const intended = live.is !== 'starting' || live.step === 'spawning' || live.step === 'probing';
  const process = intended ? ground.processes.find({ pool, replica, generation }) : undefined;
  if (process === undefined) daemon.handle(pool, { type: 'neverStarted', replica, generation });
  else if (!process.mainLives) {
    const exit = { code: process.exit?.code ?? null, signal: process.exit?.signal ?? null, atMs: process.exit?.wallMs ?? ground.wallMs };
    daemon.proved(process, true);
    daemon.handle(pool, {
      type: 'endedMeanwhile',
      replica,
      generation,
      identity: process.identity,
      exit: { ...exit, seen: 'adoption', spawnFailure: null },
    });
  } else if (process.traits.unprovable) daemon.handle(pool, { type: 'unproven', replica, generation });
  else {
    daemon.proved(process, false);
    daemon.handle(pool, { type: 'adopted', replica, generation, identity: process.identity });
  }
}
