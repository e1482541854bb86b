/** Invariants 6 and 7: what is not wanted is never spawned and is on its way out; generations only rise. */
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { emitted, lifeIn, runOf, specNow, wanted } from './questions.ts';

export class WantedRule implements Rule {
  /** The highest generation ever stored, over all daemons. */
  readonly #generations = new Map<string, number>();
  /** Pools that a person has stopped and nobody has started since, kept apart from what the machine makes of it. */
  readonly #stopped = new Set<string>();

  changed(step: Step): void {
    const { after } = step;
    this.#told(step);
    for (const ref of step.spawns) {
      const { replica } = ref;
      const engine = lifeIn(after, ref);
      const tried = engine?.role === 'candidate' && after.rollout?.units.some(({ candidate }) => candidate === ref.generation) === true;
      const runs = tried ? wanted(after, { ...engine, role: 'serving' }) : engine !== undefined && wanted(after, engine);
      must(runs, 'notWanted', () => `${step.pool}/${replica} is spawned (${engine?.role}) and not wanted`);
      must(!this.#stopped.has(step.pool), 'notWanted', () => `${step.pool}/${replica} is spawned and a person has stopped the pool`);
    }
    const running = after.wanted.state === 'running' && this.#stopped.has(step.pool);
    must(!running, 'notWanted', () => `${step.pool} is wanted after ${step.event.type} although a person has stopped it`);
    this.#counted(step);
    if (after.restoring) return;
    for (const engine of after.engines) placed(step, engine);
  }

  #told({ pool, event, before, after }: Step): void {
    const taken =
      event.type === 'command' && (event.command.do === 'stop' || event.command.do === 'drain') && event.command.replica === null;
    if (taken) this.#stopped.add(pool);
    if (event.type === 'command' && event.command.do === 'start') this.#stopped.delete(pool);
    const resumed = event.type === 'command' && event.command.do === 'resume' && event.command.replica === null;
    const called = event.type === 'cancel' && before.operations.some(({ id, kind }) => id === event.operationId && kind === 'drain');
    if ((resumed || called) && before.wanted.state === 'drained') this.#stopped.delete(pool);
    // An override lives until the file changes its key.
    if (event.type === 'configured' && specNow(before).autostart !== specNow(after).autostart) this.#stopped.delete(pool);
  }

  /** Each start has the next number of its replica, also one that is called off in the same step; nothing is there that was not started. */
  #counted(step: Step): void {
    for (const { engine = '', generation = 0 } of emitted(step, 'engine.starting')) {
      const last = this.#generations.get(engine) ?? 0;
      must(generation === last + 1, 'generation', () => `${engine} goes from generation ${last} to ${generation}`);
      this.#generations.set(engine, generation);
    }
    for (const { was, is } of step.lives) {
      if (is === null || was.generation === is.generation) continue;
      const key = `${step.pool}/${is.replica}`;
      const last = this.#generations.get(key) ?? 0;
      must(
        is.generation <= last && is.generation > was.generation,
        'generation',
        () => `${key} is generation ${is.generation} after ${was.generation}, the last start was ${last}`,
      );
    }
  }
}

/** Nothing unwanted is left waiting or serving, nothing wanted is left idle. */
function placed(step: Step, engine: EngineState): void {
  const { after } = step;
  const { phase } = engine;
  const says = (): string => `${step.pool}/${engine.replica} is ${phase.is} after ${step.event.type}, wanted: ${wanted(after, engine)}`;
  if (wanted(after, engine)) {
    const awaited = after.rollout?.units.some(({ replica, inPlace }) => inPlace && replica === engine.replica) === true;
    must(phase.is !== 'idle' || awaited, 'notWanted', says);
    return;
  }
  const due = phase.is === 'backoff' || phase.is === 'failed' || phase.is === 'ended';
  const leaving = phase.is === 'starting' && phase.step === 'spawning' && runOf(engine)?.endReason !== null;
  const over = phase.is === 'idle' || phase.is === 'stopping' || phase.is === 'stuck';
  const drained = (phase.is === 'ready' || phase.is === 'unready') && engine.closing !== null;
  must(over || leaving || drained || (due && after.shuttingDown), 'notWanted', says);
}
