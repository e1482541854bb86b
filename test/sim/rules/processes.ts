/** What the daemon does to real processes: never two of one replica, never a signal too early, too late or to somebody else. */
import { isLive } from '../../../src/engine/engine-state.ts';
import { generationIn } from '../../../src/pool/turn.ts';
import type { Ground, Rule, Step, Told } from '../ground.ts';
import type { Process } from '../processes.ts';
import { treeLives } from '../processes.ts';
import { must } from '../violation.ts';
import type { World } from '../world.ts';
import { everyEngine } from './questions.ts';

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
    this.#alone(ref);
    if (port === null) return;
    for (const other of this.#ground.processes.allLiving()) {
      must(
        other.port !== port,
        'ports',
        () => `${ref.pool}/${ref.replica} gets port ${port}, which ${other.ref.pool}/${other.ref.replica} holds`,
      );
    }
  }

  /** Beside another process of its replica only for a reload: a candidate, one that it has replaced, or what serves again while those are there. */
  #alone(ref: Process['ref']): void {
    const state = this.#world.state(ref.pool);
    const role = generationIn(state, ref)?.role;
    const roles = [role];
    for (const other of this.#ground.processes.living(ref)) {
      if (other.forgotten) continue;
      const beside = generationIn(state, other.ref)?.role;
      const which = other.mainLives ? 'oneProcess' : 'treeGoneFirst';
      must(
        beside !== undefined && !roles.includes(beside),
        which,
        () => `${ref.pool}/${ref.replica} generation ${ref.generation} (${role}) is spawned, ${other.ref.generation} is still there`,
      );
      roles.push(beside);
    }
    if (role !== 'candidate' || roles.length === 1) return;
    const { maxSurge, units, strategy } = state.rollout ?? { maxSurge: 0, units: [], strategy: 'rolling' };
    // Blue-green has all of them beside, also those that were started since it began.
    const most = strategy === 'blue-green' ? Number.POSITIVE_INFINITY : maxSurge;
    const surging = units.filter(({ inPlace, step }) => !inPlace && step !== 'leaving').length;
    must(surging <= most, 'oneProcess', () => `${surging} candidates of ${ref.pool} are beside what serves, maxSurge is ${maxSurge}`);
    must(
      units.some((unit) => unit.candidate === ref.generation && !unit.inPlace),
      'oneProcess',
      () => `${ref.pool}/${ref.replica}: a candidate without its unit is beside ${roles.join()}`,
    );
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
    for (const { was, is } of step.lives) {
      if (was.phase.is === 'stuck' && is?.phase.is !== 'stuck') this.#unstuck(step);
      if (!isLive(was) || (is !== null && isLive(is))) continue;
      const process = this.#ground.processes.find({ pool: step.pool, replica: was.replica, generation: was.generation });
      const over = process === undefined || process.forgotten || !treeLives(process);
      must(
        over,
        'stoppedMeansGone',
        () => `${step.pool}/${was.replica}#${was.generation} is ${is?.phase.is ?? 'gone'} and its processes are there`,
      );
    }
    for (const { phase, replica } of everyEngine(step.after)) {
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
    const engine = generationIn(state, ref);
    if (engine === undefined || !('run' in engine.phase)) return null;
    return state.specs[engine.phase.run.specId]?.stop.timeoutMs ?? null;
  }
}
