/** Makes a failing schedule small: delta debugging over its upsets, as long as the same promise is broken. */
import type { Machine } from './machine.ts';
import type { Outcome } from './schedule.ts';
import { runSchedule } from './schedule.ts';

export interface Shrinking {
  readonly seed: number;
  readonly outcome: Outcome;
  readonly machine?: Machine;
}

/** Runs at most: a shrink that takes longer is no help. */
const RUNS_MAX = 2_000;

/** The fewest upsets found that still break the same promise. */
export function shrunk({ seed, outcome, machine }: Shrinking): readonly string[] {
  const { violation, slots: slotsMax } = outcome;
  if (violation === null) return [];
  let runs = 0;
  const fails = (upsets: readonly string[]): boolean => {
    runs += 1;
    const again = runSchedule({ seed, only: new Set(upsets), slotsMax, ...(machine === undefined ? {} : { machine }) });
    return again.violation?.invariant === violation.invariant;
  };
  let kept = outcome.upsets;
  if (!fails(kept)) return kept;
  for (let parts = 2; kept.length > 0 && runs < RUNS_MAX; ) {
    const size = Math.ceil(kept.length / parts);
    const smaller = withoutOnePart(kept, size, (upsets) => runs < RUNS_MAX && fails(upsets));
    if (smaller !== null) {
      kept = smaller;
      parts = Math.max(2, parts - 1);
    } else if (size <= 1) break;
    else parts = Math.min(kept.length, parts * 2);
  }
  return kept;
}

/** What a person gets to see: seed, command, and the trace of the shrunk schedule. */
export function failureReport(seed: number, outcome: Outcome, machine?: Machine): string {
  const upsets = shrunk({ seed, outcome, ...(machine === undefined ? {} : { machine }) });
  const lines: string[] = [];
  const trace = (line: string): unknown => lines.push(line);
  const small = runSchedule({ seed, only: new Set(upsets), slotsMax: outcome.slots, trace, ...(machine === undefined ? {} : { machine }) });
  return [
    `seed ${seed} after ${outcome.steps} events: ${outcome.violation?.message}`,
    `shrunk from ${outcome.upsets.length} to ${upsets.length} upsets, ${small.steps} events:`,
    ...lines.slice(-120),
    small.violation?.message ?? 'the shrunk schedule does not fail any more',
    `replay: node test/sim/main.ts --seed ${seed} --slots ${outcome.slots} --only ${upsets.join(',') || 'none'}`,
  ].join('\n');
}

function withoutOnePart(all: readonly string[], size: number, fails: (upsets: readonly string[]) => boolean): readonly string[] | null {
  for (let from = 0; from < all.length; from += size) {
    const rest = [...all.slice(0, from), ...all.slice(from + size)];
    if (fails(rest)) return rest;
  }
  return null;
}
