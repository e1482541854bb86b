/** PURE: no token is given out twice, and they rise in the order of grants. Only grants of which one was answered before the other was asked have an order. */
import type { Account } from './account.ts';
import type { Floor, Violation } from './history.ts';

export function tokenViolations(accounts: readonly Account[], floors: ReadonlyMap<string, Floor>): Violation[] {
  return [...Map.groupBy(accounts, ({ pool }) => pool)].flatMap(([pool, own]) => ofPool(own, floors.get(pool)));
}

function ofPool(accounts: readonly Account[], floor: Floor | undefined): Violation[] {
  const violations: Violation[] = [];
  // From the highest down: whoever has a higher token cannot have been answered before this one was asked.
  let soonest: Account | null = null;
  let above: Account | null = null;
  for (const account of accounts.toSorted((one, other) => (one.token > other.token ? -1 : 1))) {
    if (above?.token === account.token) {
      violations.push({
        promise: 'token-once',
        says: `${account.token} of ${account.pool} was given to ${above.lease} and to ${account.lease}`,
      });
    } else if (soonest !== null && soonest.grantedMs < account.askedMs) {
      violations.push({
        promise: 'tokens-rise',
        says: `${account.lease} got ${account.token} after ${soonest.lease} had got ${soonest.token}`,
      });
    }
    if (floor !== undefined && account.askedMs > floor.atMs && account.token <= floor.token) {
      violations.push({
        promise: 'tokens-rise',
        says: `${account.lease} got ${account.token} after ${floor.token} had been given out in ${account.pool}`,
      });
    }
    if (soonest === null || account.grantedMs < soonest.grantedMs) soonest = account;
    above = account;
  }
  return violations;
}
