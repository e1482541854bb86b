/** Holders' word that an engine does not do its work, though its probes may be content: product.md has no other eye for that. */
import type { EngineState } from '../engine/engine-state.ts';
import type { Turn } from '../pool/turn.ts';
import { emit, generationIn, put } from '../pool/turn.ts';
import type { Held } from './lease-events.ts';

/** From so many different leases … */
const REPORTS = 3;
/** … within this time; and for as long nobody is sent to it, whatever its probes say. */
export const REPORTED_MS = 60_000;

/** Three make it unready. */
export function engineReported(turn: Turn, { lease, seat }: Held): void {
  const engine = generationIn(turn.state, seat);
  if (engine === undefined) return;
  const { nowMs } = turn.env;
  const recent = engine.reports.filter(({ atMs, leaseId }) => atMs > nowMs - REPORTED_MS && leaseId !== lease.id);
  const reports = [...recent, { leaseId: lease.id, atMs: nowMs }].slice(-REPORTS);
  const known = put(turn, { ...engine, reports });
  if (reports.length < REPORTS || known.phase.is !== 'ready') return;
  const message = `${REPORTS} holders within ${REPORTED_MS / 1_000} s have said that it failed them`;
  put(turn, { ...known, phase: { is: 'unready', why: 'reported', run: { ...known.phase.run, readySinceMs: null } } });
  emit(turn, 'engine.unready', { reason: 'reported', message }, known);
}

/** Until when it is kept out for that; -Infinity for one that is not. */
export function reportedUntilMs({ phase, reports }: EngineState): number {
  if (phase.is !== 'unready' || phase.why !== 'reported') return Number.NEGATIVE_INFINITY;
  return (reports.at(-1)?.atMs ?? 0) + REPORTED_MS;
}
