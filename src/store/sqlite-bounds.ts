/** How much of a record is kept: what engines and people write has no end of its own. */
import type { HistoryEntry } from '../pool/host.ts';
import type { Operation } from '../pool/status.ts';

export const EXITS_PER_POOL = 1_000;
export const ENDED_OPERATIONS = 1_000;
/** Over all pools: those whose holder may still ask, or ask again by the same key. */
export const ENDED_LEASES = 10_000;
/** Over all pools; the oldest go first. */
export const HISTORY_BYTES = 256 << 20;
/** Characters of one row of a pool or an engine. */
export const STATE_CHARACTERS = 4 << 20;

const LINES = 200;
const TEXT_CHARACTERS = 64 << 10;
const MESSAGE_CHARACTERS = 4 << 10;
const STEPS = 200;

/** The last 200 lines, at most 64 KiB of them: what stood last says most. */
export function boundedExit(entry: HistoryEntry): HistoryEntry {
  return {
    ...entry,
    message: cut(entry.message, MESSAGE_CHARACTERS),
    matchedLine: entry.matchedLine === null ? null : cut(entry.matchedLine, MESSAGE_CHARACTERS),
    lastLines: lastOf(entry.lastLines.slice(-LINES)),
    onExit: entry.onExit === null ? null : cut(entry.onExit, TEXT_CHARACTERS),
  };
}

/** The last 200 steps. */
export function boundedOperation(operation: Operation): Operation {
  return {
    ...operation,
    reason: operation.reason === null ? null : cut(operation.reason, MESSAGE_CHARACTERS),
    error: operation.error === null ? null : { ...operation.error, message: cut(operation.error.message, MESSAGE_CHARACTERS) },
    steps: operation.steps.slice(-STEPS).map((step) => ({ ...step, text: cut(step.text, MESSAGE_CHARACTERS) })),
  };
}

function lastOf(lines: readonly string[]): readonly string[] {
  let left = TEXT_CHARACTERS;
  let from = lines.length;
  for (; from > 0; from -= 1) {
    const length = lines[from - 1]?.length ?? 0;
    if (length > left) break;
    left -= length;
  }
  const whole = lines.slice(from);
  const half = lines[from - 1];
  // The very last line alone may be longer than all that is kept: then its end.
  return whole.length === 0 && half !== undefined ? [half.slice(-TEXT_CHARACTERS)] : whole;
}

function cut(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters)}…`;
}
