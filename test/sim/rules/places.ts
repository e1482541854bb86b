/** Invariants 9 and 14: places to spawn and to load are never overdrawn, each intent has one end; and 12: who is probed. */
import type { LivePhase } from '../../../src/engine/engine-state.ts';
import { livePhase } from '../../../src/engine/engine-state.ts';
import { SPAWNS_MAX } from '../../../src/pool/start-gate-state.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import type { World } from '../world.ts';
import { everyEngine } from './questions.ts';

export class PlaceRule implements Rule {
  readonly #world: World;
  /** `chat/0#3`: stored intents whose end has not come. */
  readonly #intents = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  changed(step: Step): void {
    const spawns = step.spawns;
    for (const { replica, generation } of spawns) {
      const key = `${step.pool}/${replica}#${generation}`;
      must(!this.#intents.has(key), 'intents', () => `${key} is spawned twice`);
      this.#intents.add(key);
    }
    this.#matched(step);
    if (spawns.length > 0) this.#overdrawn();
  }

  /** An intent is over when its engine is not at that step of that generation any more. */
  #matched(step: Step): void {
    for (const { was, is } of step.lives) {
      const intended = was.phase.is === 'starting' && was.phase.step === 'spawning';
      const still = is?.phase.is === 'starting' && is.phase.step === 'spawning' && is.generation === was.generation;
      if (!intended || still) continue;
      const key = `${step.pool}/${was.replica}#${was.generation}`;
      must(this.#intents.delete(key), 'intents', () => `${key} ends an intent that was never stored`);
      const type = step.event.type;
      const matches = ['spawned', 'startFailed', 'adopted', 'endedMeanwhile', 'neverStarted', 'unproven', 'rebooted'].includes(type);
      must(matches, 'intents', () => `${key}: its intent is ended by ${type}`);
    }
  }

  #overdrawn(): void {
    const { disk, perDevice } = this.#world.ground;
    const lives = [...disk.values()].flatMap((state) => everyEngine(state).flatMap((engine) => livePhase(engine) ?? []));
    const spawning = lives.filter(isSpawning).length;
    must(spawning <= SPAWNS_MAX, 'starts', () => `${spawning} engines are between intent and pid`);
    if (perDevice === null) return;
    const loading = lives.filter((live) => live.run.firstReadyMs === null && (isSpawning(live) || live.run.identity !== null));
    const devices = loading.flatMap(({ run }) => run.device?.split(',') ?? []);
    for (const device of new Set(devices)) {
      const count = devices.filter((other) => other === device).length;
      must(count <= perDevice, 'starts', () => `${count} engines load on device ${device}, ${perDevice} may`);
    }
  }
}

function isSpawning(live: LivePhase): boolean {
  return live.is === 'starting' && live.step === 'spawning';
}
