/** PURE: a history without what cannot matter any more, so that thousands of kills can be judged one after the other. */
import { accountsOf, boundsOf } from './account.ts';
import type { Floor, History } from './history.ts';

/** Without leases that were over before the last daemon died, as what it leaves gets new time from the next; and without who was refused. */
export function trimmed(history: History, nowMs: number): History {
  const overMs = Math.min(nowMs, history.lives.at(-1)?.diedAfterMs ?? nowMs);
  const dropped = accountsOf(history).filter(
    (account) => boundsOf(account, history).overMs < overMs && account.operations.every(({ endMs }) => endMs < nowMs),
  );
  const leases = new Set(dropped.map(({ lease }) => lease));
  const holders = new Set(dropped.map(({ holder }) => holder));
  const operations = history.operations.filter((one) => {
    if (one.kind !== 'acquire') return !leases.has(one.lease);
    return !holders.has(one.holder) && one.answer.is !== 'refused';
  });
  const floors = new Map<string, Floor>(history.floors);
  for (const { pool, token } of dropped) {
    const floor = floors.get(pool);
    if (floor === undefined || token > floor.token) floors.set(pool, { token, atMs: nowMs });
  }
  const fromMs = Math.min(nowMs, ...operations.map(({ beginMs }) => beginMs));
  const moves = history.moves.filter(({ endMs }) => endMs >= fromMs);
  return { floors, operations, listings: [], lives: history.lives, moves };
}
