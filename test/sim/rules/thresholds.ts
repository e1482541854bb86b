/** Invariants 12 and 13: an engine is probed exactly while that means something, and changes only after enough results in a row. */

import type { PoolSpec } from '../../../src/config/spec.ts';
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { PoolEvent } from '../../../src/pool/pool-events.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { lifeIn, runOf } from './questions.ts';

interface Seen {
  started: boolean;
  /** Results in a row, of the same kind. */
  readonly ok: Record<'readiness' | 'liveness', number>;
  readonly bad: Record<'readiness' | 'liveness', number>;
  stalls: number;
  firstStallMs: number | null;
  counter: number | null;
  /** Holders who said that it failed them. */
  readonly reports: { readonly id: string; readonly atMs: number }[];
}

/** So many make it unready, within so long. */
const REPORTS = 3;
const REPORTED_MS = 60_000;

export class ThresholdRule implements Rule {
  readonly #seen = new Map<string, Seen>();

  stepped(step: Step): void {
    const { event } = step;
    if (event.type === 'probed') this.#result(step, event);
    if (event.type === 'release' && event.engineFailed) this.#reported(step, event);
    for (const { was, is } of step.lives) {
      if (is === null) continue;
      if (was.generation === is.generation && was.phase.is === is.phase.is) continue;
      if (is.phase.is === 'ready') this.#ready(step, is);
      if (was.phase.is === 'ready' && is.phase.is === 'unready') this.#unready(step, is);
      if (runOf(is)?.endReason === 'unhealthy' && runOf(was)?.endReason === null) this.#unhealthy(step, is);
    }
  }

  #of(step: Step, engine: Pick<EngineState, 'replica' | 'generation'>): Seen {
    const key = `${step.pool}/${engine.replica}#${engine.generation}`;
    const known = this.#seen.get(key);
    if (known !== undefined) return known;
    const seen: Seen = {
      started: false,
      ok: { readiness: 0, liveness: 0 },
      bad: { readiness: 0, liveness: 0 },
      stalls: 0,
      firstStallMs: null,
      counter: null,
      reports: [],
    };
    this.#seen.set(key, seen);
    return seen;
  }

  #result(step: Step, event: Extract<PoolEvent, { readonly type: 'probed' }>): void {
    if (lifeIn(step.before, event) === undefined) return;
    const seen = this.#of(step, event);
    const { kind, ok } = event.result;
    if (kind === 'startup') seen.started ||= ok;
    else if (kind === 'progress') {
      const stands = seen.counter === (event.result.counter ?? null);
      seen.stalls = stands ? seen.stalls + 1 : 0;
      if (!stands) seen.firstStallMs = step.nowMs;
      seen.counter = event.result.counter ?? null;
    } else if (kind !== 'inUse') {
      seen.ok[kind] = ok ? seen.ok[kind] + 1 : 0;
      seen.bad[kind] = ok ? 0 : seen.bad[kind] + 1;
    }
  }

  /** Only of a lease that was held. */
  #reported(step: Step, { id, seat }: Extract<PoolEvent, { readonly type: 'release' }>): void {
    const engine = lifeIn(step.before, seat);
    const held = engine?.seats[seat.slot]?.id === id;
    if (engine !== undefined && held) this.#of(step, engine).reports.push({ id, atMs: step.nowMs });
  }

  #ready(step: Step, engine: EngineState): void {
    const probes = probesOf(step, engine);
    const run = runOf(engine);
    if (probes === null || run === null) return;
    const seen = this.#of(step, engine);
    const id = `${step.pool}/${engine.replica}`;
    must(run.identity !== null && run.spawnedMs !== null, 'thresholds', () => `${id} is ready without a process`);
    if (probes.startup !== null) must(seen.started, 'thresholds', () => `${id} is ready, its startup probe has not answered`);
    if (probes.readiness !== null) {
      const { successThreshold } = probes.readiness;
      must(
        run.samples.stalledSinceMs !== null || seen.ok.readiness >= successThreshold || run.samples.readinessGood,
        'thresholds',
        () => `${id} is ready after ${seen.ok.readiness} answers of ${successThreshold}`,
      );
    }
    if (probes.startup === null && probes.readiness === null && run.firstReadyMs === step.nowMs) {
      const { readyAfterMs } = specOf(step, engine);
      must(step.nowMs - (run.spawnedMs ?? 0) >= readyAfterMs - 1e-6, 'thresholds', () => `${id} is ready before ${readyAfterMs} ms`);
    }
  }

  #unready(step: Step, engine: EngineState): void {
    const probes = probesOf(step, engine);
    const seen = this.#of(step, engine);
    const failing = probes?.readiness != null && seen.bad.readiness >= probes.readiness.failureThreshold;
    const stalled =
      probes?.progress != null && seen.stalls > 0 && step.nowMs - (seen.firstStallMs ?? step.nowMs) >= probes.progress.stallMs;
    const reported = new Set(seen.reports.filter(({ atMs }) => atMs > step.nowMs - REPORTED_MS).map(({ id }) => id)).size >= REPORTS;
    must(
      failing || stalled || reported,
      'thresholds',
      () => `${step.pool}/${engine.replica} is unready after ${seen.bad.readiness} bad answers`,
    );
  }

  #unhealthy(step: Step, engine: EngineState): void {
    const probes = probesOf(step, engine);
    const seen = this.#of(step, engine);
    const failing = probes?.liveness != null && seen.bad.liveness >= probes.liveness.failureThreshold;
    const stalled = probes?.progress != null && step.nowMs - (seen.firstStallMs ?? step.nowMs) >= 2 * probes.progress.stallMs;
    must(
      failing || stalled,
      'thresholds',
      () => `${step.pool}/${engine.replica} is ended as unhealthy after ${seen.bad.liveness} bad answers`,
    );
  }
}

function specOf(step: Step, engine: EngineState): PoolSpec {
  const spec = step.after.specs[runOf(engine)?.specId ?? ''];
  if (spec === undefined) throw new Error(`${step.pool}/${engine.replica} has lost its spec`);
  return spec;
}

function probesOf(step: Step, engine: EngineState): PoolSpec['probes'] | null {
  return runOf(engine) === null ? null : specOf(step, engine).probes;
}
