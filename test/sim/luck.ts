/** The nature of a random world: how its engines behave, drawn per generation, by the mood their replica is in. */
import type { PoolSpec } from '../../src/config/spec.ts';
import type { EngineRef } from '../../src/engine/identity.ts';
import type { Dice, Stream } from './dice.ts';
import { between, chance, pick, whole } from './dice.ts';
import type { Answer, Failure, Nature } from './nature.ts';
import type { End, Traits } from './traits.ts';
import { HEALTHY } from './traits.ts';

/** `bad`: nearly every start fails; `fine`: none ever does. */
export type Mood = 'fine' | 'good' | 'mixed' | 'bad';

const USUALLY_FAILS: Readonly<Record<Mood, number>> = { fine: 0, good: 0.05, mixed: 0.35, bad: 0.95 };

export class Luck implements Nature {
  /** Faults are off: what is started from now on works, and no daemon dies. */
  calm = false;
  /** Steps until the daemon dies, and where in that step. */
  doom: { inSteps: number; readonly point: number } | null = null;
  readonly #dice: Dice;
  readonly #pools: readonly string[];
  /** Kind → owner → stream. */
  readonly #streams = new Map<string, Map<string, Stream>>();
  readonly #moods = new Map<string, Mood>();
  #prepares = 0;

  constructor(dice: Dice, pools: readonly string[]) {
    this.#dice = dice;
    this.#pools = pools;
  }

  moodPut(pool: string, replica: number, mood: Mood): void {
    this.#moods.set(`${pool}/${replica}`, mood);
  }

  random(pool: string): number {
    return this.#stream('random', pool)();
  }

  delayMs(answer: Answer, owner: string): number {
    if (this.calm) return 1;
    const draw = this.#stream(answer, owner);
    switch (answer) {
      case 'prepared':
        return between(draw, 100, 8_000);
      case 'exited':
        return chance(draw, 0.05) ? between(draw, 1_000, 5_000) : between(draw, 0, 5);
      case 'gone':
        return chance(draw, 0.3) ? 0 : between(draw, 0, 50);
      default:
        return chance(draw, 0.2) ? between(draw, 0, 400) : between(draw, 0, 20);
    }
  }

  /** In calm weather nothing new is learnt by asking often. */
  gapMs({ periodMs, owner, results }: { readonly periodMs: number; readonly owner: string; readonly results: number }): number {
    if (this.calm) return results < 4 ? Math.min(periodMs, 500) : 600_000;
    const draw = this.#stream('gap', owner);
    return periodMs * (chance(draw, 0.5) ? 1 : between(draw, 1, 3));
  }

  traits(ref: EngineRef, spec: PoolSpec): Traits {
    const { temper } = spec.engine.vars;
    const unprobed = spec.probes.startup === null && spec.probes.readiness === null;
    const never = { ...HEALTHY, readyAfterMs: Number.POSITIVE_INFINITY };
    if (temper === 'never' && !this.calm) return unprobed ? { ...never, ends: { code: 1, signal: null, afterMs: 50 } } : never;
    const drawn = this.#drawn(ref);
    const crash = { code: 1, signal: null, afterMs: between(this.#dice.stream('later', this.#idOf(ref)), 3_000, 40_000) };
    return temper === 'later' && !this.calm && drawn.ends === null ? { ...drawn, ends: crash } : drawn;
  }

  #drawn(ref: EngineRef): Traits {
    const id = this.#idOf(ref);
    const draw = this.#dice.stream('traits', id);
    const mood = this.#moodOf(ref);
    if (mood === 'fine') return HEALTHY;
    const healthy = {
      ...HEALTHY,
      readyAfterMs: between(draw, 0, 2_000),
      onTerm: { code: pick(draw, [0, 143]), signal: null, afterMs: between(draw, 0, 300) },
    };
    const ending = this.calm ? healthy : { ...healthy, ...this.#badEnd(draw, id) };
    return !this.calm && this.#dice.upset(USUALLY_FAILS[mood], 'fails', id) ? { ...ending, ...failing(draw) } : ending;
  }

  preflightFails(ref: EngineRef): Failure | null {
    const id = this.#idOf(ref);
    if (this.calm || this.#moodOf(ref) === 'fine' || !this.#dice.upset(0.08, 'preflight', id)) return null;
    const draw = this.#dice.stream('preflightClass', id);
    return { class: pick(draw, ['port_busy', 'device_busy', 'spawn_failed', 'prepare_failed']), message: 'the preflight found it' };
  }

  spawnFails(ref: EngineRef): Failure | null {
    const id = this.#idOf(ref);
    if (this.calm || this.#moodOf(ref) === 'fine' || !this.#dice.upset(0.08, 'spawn', id)) return null;
    const draw = this.#dice.stream('spawnClass', id);
    return { class: pick(draw, ['spawn_failed', 'starved', 'prepare_failed', 'port_busy']), message: 'execve would not' };
  }

  prepareFails(): string | null {
    this.#prepares += 1;
    return !this.calm && this.#dice.upset(0.2, 'prepare', this.#prepares) ? 'the model cannot be fetched' : null;
  }

  asksFirst(): boolean {
    return chance(this.#stream('asksFirst', ''), 0.5);
  }

  dies(): number | null {
    if (this.doom === null || this.calm) return null;
    this.doom.inSteps -= 1;
    if (this.doom.inSteps > 0) return null;
    const { point } = this.doom;
    this.doom = null;
    return point;
  }

  #moodOf({ pool, replica }: EngineRef): Mood {
    return this.#moods.get(`${pool}/${replica}`) ?? 'mixed';
  }

  #badEnd(draw: Stream, id: number): Partial<Traits> {
    if (!this.#dice.upset(0.4, 'ends', id)) return {};
    const kind = draw();
    const leaves = { leavesForMs: pick(draw, [Number.POSITIVE_INFINITY, between(draw, 100, 10_000)]) };
    if (kind < 0.25) return { onTerm: null };
    if (kind < 0.45) return { onTerm: { code: 0, signal: null, afterMs: between(draw, 1_000, 8_000) } };
    if (kind < 0.7) return leaves;
    if (kind < 0.88) return { onTerm: null, unkillableMs: between(draw, 100, 60_000) };
    return { unprovable: true };
  }

  #idOf({ pool, replica, generation }: EngineRef): number {
    return (this.#pools.indexOf(pool) * 100 + replica) * 10_000 + generation;
  }

  /** Each engine has its own sequence of delays of each kind, so that one that is left out shifts no other's. */
  #stream(kind: string, owner: string): Stream {
    const streams = this.#streams.get(kind) ?? new Map<string, Stream>();
    if (streams.size === 0) this.#streams.set(kind, streams);
    const known = streams.get(owner);
    if (known !== undefined) return known;
    const made = this.#dice.stream(`${kind} ${owner}`);
    streams.set(owner, made);
    return made;
  }
}

function failing(draw: Stream): Partial<Traits> {
  const patternClass = pick(draw, [null, null, 'gpu', 'gpu', 'bad_model']);
  const how = pick<End>(draw, [
    { code: 1, signal: null },
    { code: 0, signal: null },
    { code: null, signal: 'SIGSEGV' },
    { code: null, signal: 'SIGKILL' },
  ]);
  const kind = draw();
  if (kind < 0.35) return { ends: { ...how, afterMs: between(draw, 0, 1_000) }, readyAfterMs: Number.POSITIVE_INFINITY, patternClass };
  if (kind < 0.6)
    return {
      ends: { ...how, afterMs: between(draw, 1_000, 30_000) },
      patternClass,
      oomKilled: how.signal === 'SIGKILL' && chance(draw, 0.5),
    };
  if (kind < 0.72) return { readyAfterMs: Number.POSITIVE_INFINITY };
  if (kind < 0.84) return { hangsAfterMs: between(draw, 1_000, 20_000) };
  if (kind < 0.92) {
    const fromMs = between(draw, 1_000, 10_000);
    return { unready: { fromMs, toMs: fromMs + between(draw, 500, 10_000) } };
  }
  return { stallsAfterMs: whole(draw, 1_000, 10_000) };
}
