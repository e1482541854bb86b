/** Invariant 39: what is stored survives JSON, and a start of the daemon forgets nothing that was counted. */
import type { Effect } from '../../../src/pool/effects.ts';
import type { PoolEvent } from '../../../src/pool/pool-events.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import { allEngines } from '../../../src/pool/turn.ts';
import type { Rule, Step } from '../ground.ts';
import { lostIn, storedAgain } from '../rows.ts';
import { same } from '../same.ts';
import { must } from '../violation.ts';
import type { World } from '../world.ts';
import { revived } from './questions.ts';

/** A start in so many is followed by one that reads the rows of the whole state; the others take the state up as `booting` has seen it to come back. */
const ROWS_EVERY = 16;

export class RecoveredRule implements Rule {
  readonly #world: World;
  #starts = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Invariant 40: a daemon that dies behind its start is followed by one that finds the same, and does nothing again to what runs. */
  #twice({ after, event, nowMs, wallMs, pool }: Step): void {
    const { machine, ground } = this.#world;
    const env = { nowMs, wallMs, random: () => 0.5 };
    this.#starts += 1;
    let state = machine.restored(this.#starts % ROWS_EVERY === 0 ? storedAgain(after) : after, after.tokens.epoch + 1);
    const done: Effect[] = [];
    const send = (again: PoolEvent): void => {
      const [next, effects] = machine.next(state, again, env);
      state = next;
      done.push(...effects);
    };
    for (const { replica, generation, phase } of allEngines(after)) {
      if (!('run' in phase)) continue;
      const process = ground.processes.find({ pool, replica, generation });
      if (process === undefined) send({ type: 'neverStarted', replica, generation });
      else send({ type: 'adopted', replica, generation, identity: process.identity });
    }
    send(event);
    const spawns = done.filter((effect) => effect.do === 'spawn' || effect.do === 'signal');
    must(spawns.length === 0, 'replay', () => `a second start of the daemon spawns for ${pool}`);
    for (const { replica, generation, phase, closing } of after.engines) {
      const again = state.engines.find((engine) => engine.replica === replica);
      const serves = (phase.is === 'ready' || phase.is === 'unready') && closing === null;
      const same = again?.generation === generation && again.phase.is === phase.is;
      must(
        !serves || same,
        'replay',
        () => `a second start of the daemon changes ${pool}/${replica} from ${phase.is} to ${again?.phase.is}`,
      );
    }
  }

  booting(): void {
    const { ground } = this.#world;
    for (const [pool, state] of ground.disk) {
      const lost = lostIn(ground.read(pool), state);
      must(lost.length === 0, 'recovered', () => `${pool} is not the same when it comes from the disk: ${lost.join(', ')}`);
    }
  }

  changed(step: Step): void {
    if (step.event.type === 'configured') this.#twice(step);
    // A reload that revives a pool may come to its commit with the file's word: as good as a reset.
    if ((step.event.type !== 'configured' && step.event.type !== 'adopted') || revived(step)) return;
    const { before, after } = step;
    const kept: readonly (keyof PoolState)[] = ['crashCount', 'restarts', 'storm', 'restartCount'];
    for (const key of kept) {
      if (key === 'restartCount' && after.restartCount === 0) continue;
      must(same(before[key], after[key]), 'recovered', () => `${step.event.type} changed ${key} of ${step.pool}`);
    }
    const counts = (state: PoolState): unknown =>
      state.engines.slice(0, before.engines.length).map(({ row, backoffRow }) => [row, backoffRow]);
    must(
      same(counts(before), counts(after)) || step.event.type === 'configured',
      'recovered',
      () => `${step.event.type} changed the counts of ${step.pool}`,
    );
  }
}
