/** Invariants 33, 34 and 36: one reload at a time; one that fails leaves what there was; every engine runs by a spec that somebody has given. */
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import type { Rollout } from '../../../src/rollout/rollout.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { committedIn, committedRollout, everyEngine, replicaOf, runOf, wanted } from './questions.ts';

interface Running {
  readonly operationId: string;
  /** Replicas that were ready when it began, less those that something else has taken away. */
  readonly ready: Set<number>;
  rollout: Rollout | null;
  commits: number;
}

export class ReloadRule implements Rule {
  readonly #running = new Map<string, Running>();
  readonly #accepted = new Map<string, Set<string>>();
  /** Per pool, as it was stored last. */
  readonly #last = new Map<string, PoolState>();

  changed(step: Step): void {
    this.#waits(step);
    this.#specs(step);
    this.#taken(step);
    this.#one(step);
    const { rollout } = step.after;
    if (rollout !== null) keepsUp(step, rollout);
    if (committedIn(step)) committed(step);
  }

  /** A newer one takes its place; a death of the daemon takes nothing. */
  #waits({ pool, before, after }: Step): void {
    const known = this.#last.get(pool) ?? before;
    const same =
      known.waitingReload?.operationId === before.waitingReload?.operationId &&
      known.waitingScale?.operationId === before.waitingScale?.operationId;
    must(same, 'oneReload', () => `${waits(known)} of ${pool} waited for its turn, now it is ${waits(before)}`);
    this.#last.set(pool, after);
  }

  /** Accepted is what the file says, and what a person's reload makes of it. */
  #specs(step: Step): void {
    const { pool, before, after, event } = step;
    const accepted = this.#acceptedIn(pool, before.specId);
    if (event.type === 'configured') accepted.add(event.specId);
    if (event.type === 'command') for (const { specId } of event.targets ?? []) accepted.add(specId);
    for (const { is } of step.lives) {
      const specId = runOf(is ?? undefined)?.specId;
      must(specId === undefined || accepted.has(specId), 'specs', () => `${pool}/${is?.replica} runs by ${specId}, which nobody has given`);
    }
    if (before.specId === after.specId) return;
    const recorded = step.effects.some((effect) => effect.do === 'operation' && effect.operation.outcome === 'recorded');
    const given = event.type === 'configured' || committedIn(step) || recorded;
    must(
      given && accepted.has(after.specId),
      'specs',
      () => `the spec of ${pool} is ${after.specId} by ${event.type}, it was ${before.specId}`,
    );
  }

  #acceptedIn(pool: string, first: string): Set<string> {
    const known = this.#accepted.get(pool);
    if (known !== undefined) return known;
    const made = new Set([first]);
    this.#accepted.set(pool, made);
    return made;
  }

  #one(step: Step): void {
    const { pool, before, after } = step;
    for (const { type, facts } of step.told) {
      if (type !== 'reload.started' && type !== 'reload.step' && type !== 'reload.finished') continue;
      const running = this.#running.get(pool);
      if (type === 'reload.started') {
        must(running === undefined, 'oneReload', () => `a reload of ${pool} begins while ${running?.operationId} runs`);
        const ready = before.engines.filter(({ phase, closing }) => phase.is === 'ready' && closing === null);
        // Which it is tells the state behind the step, unless it is over in it.
        this.#running.set(pool, {
          operationId: after.rollout?.operationId ?? '',
          ready: new Set(ready.map(({ replica }) => replica)),
          rollout: after.rollout,
          commits: 0,
        });
      } else if (type === 'reload.step' && facts.step === 'committed' && running !== undefined) {
        running.commits += 1;
        must(running.commits === 1, 'oneReload', () => `a reload of ${pool} comes to its commit ${running.commits} times`);
      } else if (type === 'reload.finished') {
        must(running !== undefined, 'oneReload', () => `a reload of ${pool} ends, and none had begun`);
        this.#running.delete(pool);
        if (facts.success === false && running !== undefined) failed(step, running, String(facts.message));
      }
    }
    const running = this.#running.get(pool);
    if (running !== undefined) running.rollout = after.rollout;
    must(
      (after.rollout?.operationId ?? null) === (running?.operationId ?? null),
      'oneReload',
      () => `${after.rollout?.operationId ?? 'no reload'} of ${pool} runs, begun has ${running?.operationId ?? 'none'}`,
    );
  }

  /** What is not the reload's doing. */
  #taken(step: Step): void {
    const running = this.#running.get(step.pool);
    if (running === undefined) return;
    for (const entry of step.ends) if (entry.class !== 'requested') running.ready.delete(replicaOf(entry));
    for (const { is } of step.changes) {
      // On its way out for what it did itself: its end is recorded when its tree is gone.
      const ails = is.phase.is === 'stopping' && is.phase.run.endReason !== 'requested';
      const stays = wanted(step.after, is) && is.phase.is !== 'unready' && is.phase.is !== 'stuck' && !ails;
      if (!stays || (is.closing !== null && is.closing.for === 'unwanted')) running.ready.delete(is.replica);
    }
    if (step.event.type === 'rebooted' || step.event.type === 'unproven' || step.event.type === 'endedMeanwhile') running.ready.clear();
  }
}

function waits({ waitingReload, waitingScale }: PoolState): string {
  return `${waitingReload?.operationId ?? 'no reload'}, ${waitingScale?.operationId ?? 'no scale'}`;
}

/** No more is taken away than may be, and with blue-green nothing before the commit. */
function keepsUp({ pool, after }: Step, rollout: Rollout): void {
  if (rollout.step === 'committed') return;
  const away = rollout.units.filter(
    ({ inPlace, step, old }) => inPlace && old !== null && (step === 'draining' || step === 'trying'),
  ).length;
  const most = rollout.strategy === 'blue-green' ? 0 : Math.max(1, rollout.maxUnavailable);
  must(away <= most || rollout.step === 'back', 'rollback', () => `a reload of ${pool} has taken ${away} engines away, ${most} may be`);
  if (rollout.step !== 'rolling') return;
  for (const engine of everyEngine(after)) {
    if (engine.role !== 'candidate') continue;
    const specId = runOf(engine)?.specId;
    must(
      specId === rollout.toSpecId || engine.phase.is === 'stuck',
      'specs',
      () => `the candidate ${pool}/${engine.replica} runs by ${specId}, the reload goes to ${rollout.toSpecId}`,
    );
  }
}

/** All at once: whoever serves behind the commit is of the new spec. */
function committed(step: Step): void {
  const { pool, before, after } = step;
  const rollout = committedRollout(step);
  if (rollout === null) return;
  // One that had waited begins in the same turn, and where nothing runs it comes to its commit and its end there, too.
  const next = before.waitingReload?.operationId;
  const followed = next !== undefined && !after.operations.some(({ id }) => id === next);
  must(
    followed || after.specId === rollout.toSpecId,
    'specs',
    () => `a reload of ${pool} has come to its commit, and its spec is ${after.specId}`,
  );
  for (const engine of after.engines) {
    if (!serves(engine) || !wanted(after, engine)) continue;
    const unit = rollout.units.find(({ replica }) => replica === engine.replica);
    const old = unit !== undefined && unit.candidate !== null && engine.generation === unit.old;
    must(!old, 'oneReload', () => `a reload of ${pool} has come to its commit, and ${pool}/${engine.replica} is the old one`);
    const { specId } = runOf(engine) ?? {};
    must(
      rollout.kind === 'restart' || rollout.revives || specId === rollout.toSpecId,
      'oneReload',
      () => `a reload of ${pool} has come to its commit, and ${pool}/${engine.replica} runs by ${specId}`,
    );
  }
}

/** The reload or restart that had waited begins in the very step in which this one ends, and may take engines away at once. */
function takenByNext({ rollout, rolling }: Step['after'], { replica }: EngineState): boolean {
  return rolling?.current?.replica === replica || rollout?.units.some((unit) => unit.inPlace && unit.replica === replica) === true;
}

/** The old spec again, and whoever was ready before is ready, unless something else has taken it away. */
function failed({ pool, after, event }: Step, { ready, rollout }: Running, says: string): void {
  for (const engine of after.engines) {
    const specId = runOf(engine)?.specId;
    // What could not be brought back is said.
    const left = rollout?.stranded.includes(engine.replica) === true || says.includes(`${pool}/${engine.replica} `);
    must(
      engine.specId === null,
      'rollback',
      () => `a reload of ${pool} has failed, and the next start of ${engine.replica} is by ${engine.specId}`,
    );
    const isNew =
      rollout !== null &&
      rollout.toSpecId !== rollout.fromSpecId &&
      after.specId !== rollout.toSpecId &&
      serves(engine) &&
      specId === rollout.toSpecId;
    must(
      !isNew || left || !wanted(after, engine),
      'rollback',
      () => `a reload of ${pool} has failed, and ${pool}/${engine.replica} still runs by its spec`,
    );
    const missed =
      ready.has(engine.replica) && engine.phase.is !== 'ready' && wanted(after, engine) && !left && !takenByNext(after, engine);
    must(
      !missed || event.type === 'configured',
      'rollback',
      () => `a reload of ${pool} has failed, and ${pool}/${engine.replica} was ready before, now it is ${engine.phase.is}`,
    );
  }
}

function serves({ phase, closing }: EngineState): boolean {
  return (phase.is === 'ready' || phase.is === 'unready') && closing === null;
}
