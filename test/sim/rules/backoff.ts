/** Invariant 5 with a count of its own: k rises with each failure, and is 0 again after `resetAfter` of being ready without a break. */
import type { PoolSpec } from '../../../src/config/spec.ts';
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import {
  committedIn,
  concernedBy,
  emitted,
  engineIn,
  oldSpecAgain,
  recordsOf,
  replicaOf,
  revived,
  runOf,
  specNow,
  takenOver,
} from './questions.ts';

interface Row {
  failures: number;
  /** Monotonic; since when it is ready without a break. */
  readySinceMs: number | null;
  /** Before this no automatic restart may begin. */
  notBeforeMs: number;
}

const ROUNDING = 1e-9;

export class BackoffRule implements Rule {
  /** Pool → replica → row. */
  readonly #rows = new Map<string, (Row | undefined)[]>();

  changed(step: Step): void {
    if (step.event.type === 'rebooted') {
      for (const { replica } of step.before.engines)
        this.#rowsOf(step.pool)[replica] = { failures: 0, readySinceMs: null, notBeforeMs: step.nowMs };
      return;
    }
    const { resetAfterMs } = specNow(step.after).backoff;
    for (const [replica, row] of this.#rowsOf(step.pool).entries()) {
      const proven = row !== undefined && row.readySinceMs !== null && step.nowMs >= row.readySinceMs + resetAfterMs;
      if (proven && !step.after.restoring && !endOf(step, replica)) row.failures = 0;
    }
    for (const entry of recordsOf(step)) if (entry.failure) this.#failed(step, { replica: replicaOf(entry), crashClass: entry.class });
    this.#reloaded(step);
    this.#reset(step);
    for (const { was, is } of step.changes) this.#moved(step, was, is);
  }

  #row(step: Step, replica: number): Row {
    const rows = this.#rowsOf(step.pool);
    rows[replica] ??= { failures: 0, readySinceMs: null, notBeforeMs: Number.NEGATIVE_INFINITY };
    return rows[replica];
  }

  #rowsOf(pool: string): (Row | undefined)[] {
    const known = this.#rows.get(pool);
    if (known !== undefined) return known;
    const made: (Row | undefined)[] = [];
    this.#rows.set(pool, made);
    return made;
  }

  #failed(step: Step, { replica, crashClass }: { readonly replica: number; readonly crashClass: string }): void {
    const row = this.#row(step, replica);
    row.failures += 1;
    const phase = engineIn(step.after, replica)?.phase;
    if (phase?.is !== 'backoff') return;
    const [lowMs, highMs] = boundsMs(specNow(step.after).backoff, { failures: row.failures, crashClass });
    const { delayMs } = phase;
    // What a breaker that closes in the same step lets go is due at once, and so is what a person waits for.
    const letGo = phase.cause === 'recovery' || phase.cause === 'manual';
    const within = delayMs >= lowMs - ROUNDING && delayMs <= highMs + ROUNDING;
    must(
      letGo || within,
      'backoff',
      () => `${step.pool}/${replica} waits ${delayMs} ms after failure ${row.failures}, ${lowMs} to ${highMs} are right`,
    );
    row.notBeforeMs = letGo ? step.nowMs : step.nowMs + lowMs;
  }

  #reset(step: Step): void {
    const { event } = step;
    const told = event.type === 'command' && event.command.do === 'reset' ? event.command : null;
    if (told === null && !revived(step)) return;
    for (const engine of step.after.engines) {
      if (told !== null && told.class !== null && engine.lastFailureClass !== told.class) continue;
      const row = this.#row(step, engine.replica);
      row.failures = 0;
      if (engine.phase.is !== 'backoff') continue;
      const [lowMs, highMs] = boundsMs(specNow(step.after).backoff, { failures: 1, crashClass: engine.lastFailureClass ?? '' });
      const waitMs = engine.phase.dueMs - step.nowMs;
      must(
        waitMs >= lowMs - 1e-6 && waitMs <= highMs + 1e-6,
        'backoff',
        () => `${step.pool}/${engine.replica} is due ${waitMs} ms after a reset`,
      );
      row.notBeforeMs = step.nowMs + lowMs;
    }
  }

  /** A reload begins with a clean row, and whatever waits goes on at once when it is done. */
  #reloaded(step: Step): void {
    const { before, after } = step;
    const begun = emitted(step, 'reload.started').length > 0;
    const done = committedIn(step);
    // One of a stopped pool is recorded, and is as good as one that has been; it may have waited for the one before to be taken back.
    const recorded = before.specId !== after.specId && !done && step.event.type !== 'configured';
    const over = takenOver(step);
    const back = emitted(step, 'reload.rolled_back').length > 0;
    if (!begun && !done && !recorded && !back && over.length === 0) return;
    const concerned = begun ? begunFor(step) : concernedBy(step);
    for (const { replica } of after.engines) {
      const row = this.#row(step, replica);
      const changed = (begun || done) && concerned.includes(replica);
      if (changed || recorded || over.includes(replica)) row.failures = 0;
      if (done && changed) row.notBeforeMs = step.nowMs;
      if (!oldSpecAgain(step, replica)) continue;
      row.failures = 0;
      row.notBeforeMs = step.nowMs;
    }
  }

  #moved(step: Step, was: EngineState, is: EngineState): void {
    const row = this.#row(step, is.replica);
    row.readySinceMs = is.phase.is !== 'ready' ? null : was.phase.is === 'ready' ? row.readySinceMs : step.nowMs;
    const run = runOf(is);
    if (is.generation === was.generation || run === null || run.cause !== 'restart') return;
    must(
      step.nowMs >= row.notBeforeMs - 1e-6,
      'backoff',
      () => `${step.pool}/${is.replica} is restarted at ${step.nowMs}, not before ${row.notBeforeMs} is right`,
    );
  }
}

/** Whom a reload or restart that begins is about. It may be over in the same step. */
function begunFor(step: Step): readonly number[] {
  return emitted(step, 'reload.started').flatMap(({ facts }) =>
    facts.kind === 'reload'
      ? step.after.engines.map(({ replica }) => replica)
      : (facts.engines as string[]).map((id) => Number(id.split('/')[1])),
  );
}

/** Its end is handled before the time that has passed until then. */
function endOf({ event }: Step, replica: number): boolean {
  const ends =
    event.type === 'endedMeanwhile' ||
    event.type === 'exited' ||
    event.type === 'gone' ||
    event.type === 'probed' ||
    event.type === 'command';
  return ends && (event.type === 'command' || event.replica === replica);
}

function boundsMs(
  spec: PoolSpec['backoff'],
  { failures, crashClass }: { readonly failures: number; readonly crashClass: string },
): readonly [number, number] {
  const wishedMs = spec.delayMs * spec.factor ** (failures - 1) * (spec.classes[crashClass] ?? 1);
  const cappedMs = Math.min(spec.limitMs, wishedMs);
  const clamped = (ms: number): number => Math.min(spec.limitMs, Math.max(spec.minDelayMs, ms));
  return [clamped(cappedMs * (1 - spec.jitter)), clamped(cappedMs * (1 + spec.jitter))];
}
