/** What the daemon does to real processes: never two of one replica, never a signal too early, too late or to somebody else. */
import { isLive } from '../../../src/engine/engine-state.ts';
import type { Ground, Rule, Step, Told } from '../ground.ts';
import type { Process } from '../processes.ts';
import { treeLives } from '../processes.ts';
import { must } from '../violation.ts';
import type { World } from '../world.ts';

/** Rounding of sums of fractions. */
const EPSILON_MS = 1e-6;

export class ProcessRule implements Rule {
  readonly #world: World;
  readonly #ground: Ground;
  #bootedMs = 0;

  constructor(world: World) {
    this.#world = world;
    this.#ground = world.ground;
  }

  booting(): void {
    this.#bootedMs = this.#ground.nowMs;
  }

  making({ ref, port }: Pick<Process, 'ref' | 'port'>): void {
    for (const other of this.#ground.processes.living(ref)) {
      const which = other.mainLives ? 'oneProcess' : 'treeGoneFirst';
      must(
        other.forgotten,
        which,
        () => `${ref.pool}/${ref.replica} generation ${ref.generation} is spawned, ${other.ref.generation} is still there`,
      );
    }
    if (port === null) return;
    for (const other of this.#ground.processes.allLiving()) {
      must(
        other.port !== port,
        'ports',
        () => `${ref.pool}/${ref.replica} gets port ${port}, which ${other.ref.pool}/${other.ref.replica} holds`,
      );
    }
  }

  told(what: Told, process: Process): void {
    if (what !== 'kill' || process.killed) return;
    process.killed = true;
    const { nowMs } = this.#ground;
    const timeoutMs = this.#timeoutMs(process);
    const { termAtMs } = process;
    const unasked = !process.mainLives && termAtMs === null;
    if (unasked || timeoutMs === null) return;
    const says = `${process.ref.pool}/${process.ref.replica} is killed at ${nowMs}, TERM was at ${termAtMs}, the grace is ${timeoutMs} ms`;
    must(termAtMs !== null && nowMs - termAtMs >= timeoutMs - EPSILON_MS, 'kill', () => says);
    if (termAtMs === null || this.#bootedMs > termAtMs || process.termEpoch !== this.#world.daemon?.epoch) return;
    must(nowMs - termAtMs <= timeoutMs + EPSILON_MS, 'killLate', () => says);
  }

  stepped(step: Step): void {
    for (const { was, is } of step.changes) {
      if (was.phase.is === 'stuck' && is.phase.is !== 'stuck') this.#unstuck(step);
      if (!isLive(was) || isLive(is)) continue;
      const process = this.#ground.processes.find({ pool: step.pool, replica: is.replica, generation: was.generation });
      const over = process === undefined || process.forgotten || !treeLives(process);
      must(over, 'stoppedMeansGone', () => `${step.pool}/${is.replica} is ${is.phase.is} and its processes are there`);
    }
    for (const { phase, replica } of step.after.engines) {
      if (phase.is !== 'stopping') continue;
      const dueMs = phase.stuckAtMs ?? phase.killAtMs;
      must(
        step.after.restoring || dueMs > step.nowMs - EPSILON_MS,
        'killLate',
        () => `${step.pool}/${replica} was due at ${dueMs}, it is ${step.nowMs}`,
      );
    }
  }

  #unstuck({ event, pool }: Step): void {
    const command = event.type === 'command' ? event.command : null;
    const forgotten = command?.do === 'reset' && command.forget;
    const seen = event.type === 'gone' || event.type === 'endedMeanwhile' || event.type === 'rebooted';
    must(forgotten || seen, 'stoppedMeansGone', () => `an engine of ${pool} left stuck by ${event.type}`);
  }

  /** By the spec it was started by; null once its state does not know it any more. */
  #timeoutMs({ ref }: Process): number | null {
    const state = this.#world.state(ref.pool);
    const engine = state.engines.find(({ replica }) => replica === ref.replica);
    if (engine === undefined || !('run' in engine.phase)) return null;
    return state.specs[engine.phase.run.specId]?.stop.timeoutMs ?? null;
  }
}
