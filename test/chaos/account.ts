/**
 * PURE: what is certain of one lease. Held from its answer at least until `heldUntil`, over at the latest at `Bounds.overMs`; in between nobody
 * outside can know. An operation without an answer counts for whichever is less certain: it may have been done, or not.
 */
import type { Acquisition, Binding, Grant, History, Life, Move, Operation, Use } from './history.ts';

export interface Account extends Grant {
  readonly holder: string;
  readonly pool: string;
  /** It was granted between these. */
  readonly askedMs: number;
  readonly grantedMs: number;
  /** All others about it, by their begin. */
  readonly operations: readonly Operation[];
}

export function accountsOf({ operations }: Pick<History, 'operations'>): Account[] {
  const asked = Map.groupBy(
    operations.filter((one): one is Acquisition => one.kind === 'acquire'),
    ({ holder }) => holder,
  );
  const used = Map.groupBy(
    operations.filter((one): one is Use | Binding => one.kind !== 'acquire'),
    ({ lease }) => lease,
  );
  const accounts = new Map<string, Account>();
  for (const acquisitions of asked.values()) {
    for (const acquisition of acquisitions) {
      if (acquisition.answer.is !== 'granted' || accounts.has(acquisition.answer.grant.lease)) continue;
      const { grant } = acquisition.answer;
      const { holder, pool, endMs } = acquisition;
      const others = [...acquisitions.filter((one) => one.beginMs >= endMs), ...(used.get(grant.lease) ?? [])];
      accounts.set(grant.lease, {
        ...grant,
        holder,
        pool,
        askedMs: Math.min(...acquisitions.map(({ beginMs }) => beginMs)),
        grantedMs: endMs,
        operations: others.toSorted((one, other) => one.beginMs - other.beginMs),
      });
    }
  }
  return [...accounts.values()];
}

/** The answer says that the lease was held at some moment between its begin and its end. */
export function saysHeld({ answer }: Operation, { lease }: Pick<Account, 'lease'>): boolean {
  if (answer.is === 'granted') return answer.grant.lease === lease;
  return answer.is === 'renewed' || answer.is === 'verified' || answer.is === 'released' || answer.is === 'bound';
}

/** A moment up to which it certainly was held. `except`: as if that had not been asked. */
export function heldUntil(
  account: Account,
  { lives, listings, moves }: Omit<History, 'operations'>,
  except: Operation | null = null,
): number {
  const operations = account.operations.flatMap((one) => (one === except ? unanswered(one) : one));
  const ends = [...operations.flatMap(endOf), ...cutsOf(account, moves)];
  const seen = operations.filter((one) => saysHeld(one, account)).map(({ beginMs }) => beginMs);
  const listed = listings.filter(({ leases }) => leases.some(({ lease }) => lease === account.lease)).map(({ beginMs }) => beginMs);
  const unended = Math.min(leastExpiryMs(account, operations, lives), ...ends);
  return Math.max(unended, ...seen, ...listed);
}

/** A connection that stood did so, whatever was said at its end. */
function unanswered(one: Operation): Operation[] {
  return isBinding(one) ? [{ ...one, answer: { is: 'none' } }] : [];
}

/** From when on what is done to the engines of its pool may have cut it. */
function cutsOf({ pool, askedMs }: Account, moves: readonly Move[]): number[] {
  return moves.filter((move) => move.pool === pool && move.endMs > askedMs).map(({ beginMs }) => beginMs);
}

/**
 * A busy daemon looks at the time late, and may die before it has stored what is over: the next one does not know, and gives it a whole TTL as after
 * any absence. Whoever renews is refused all the same: what asks looks at the time first.
 */
export const LATE_MS = 1_000;

interface Step {
  readonly atMs: number;
  readonly act: () => void;
}

/** Counted from the begin of what last gave it a TTL, and from when nobody could have been let in yet. */
function leastExpiryMs(account: Account, operations: readonly Operation[], lives: readonly Life[]): number {
  let leastTtlMs = account.ttlMs;
  // Granted by this daemon, or by one before it and taken up by this one.
  let closedUntilMs = Math.max(
    Number.NEGATIVE_INFINITY,
    ...lives.filter(({ spawnedMs }) => spawnedMs <= account.grantedMs).map((life) => life.closedUntilMs),
  );
  let leastMs = Math.max(account.askedMs, closedUntilMs) + account.ttlMs;
  const steps: Step[] = [];
  for (const { beginMs, endMs, answer, asksMs } of renewalsIn(operations)) {
    const begun = (): void => {
      if (asksMs === null) return;
      leastTtlMs = Math.min(leastTtlMs, asksMs);
      leastMs = Math.min(leastMs, beginMs + asksMs);
    };
    steps.push({ atMs: beginMs, act: begun });
    if (answer.is !== 'renewed') continue;
    const answered = (): void => {
      leastTtlMs = answer.ttlMs;
      leastMs = Math.max(beginMs, closedUntilMs) + answer.ttlMs;
    };
    steps.push({ atMs: endMs, act: answered });
  }
  // While its connection stands no time ends it; hanging up does.
  for (const { boundMs } of operations.filter(stood)) steps.push({ atMs: boundMs, act: () => (leastMs = Number.POSITIVE_INFINITY) });
  for (const [before, life] of startsAfter(account.grantedMs, lives)) {
    const restarted = (): void => {
      closedUntilMs = life.closedUntilMs;
      if (leastMs > before.diedBeforeMs) leastMs = closedUntilMs + leastTtlMs;
    };
    steps.push({ atMs: life.spawnedMs, act: restarted });
  }
  inOrder(steps);
  return leastMs;
}

export interface Bounds {
  /** It is not held beyond this. */
  readonly overMs: number;
  /** What says that it was held when it must have been over. */
  readonly revived: readonly Operation[];
}

/** Counted from the end of what last may have given it a TTL, and from when somebody had been let in. */
export function boundsOf(account: Account, { lives }: Pick<History, 'lives'>): Bounds {
  let mostTtlMs = account.ttlMs;
  let mostMs = account.grantedMs + account.ttlMs;
  let endedMs = Number.POSITIVE_INFINITY;
  const revived: Operation[] = [];
  const steps: Step[] = [];
  for (const operation of account.operations) {
    const begun = (): void => {
      const overMs = operation.kind === 'renew' ? mostMs : mostMs + LATE_MS;
      if (saysHeld(operation, account) && operation.beginMs > Math.min(overMs, endedMs)) revived.push(operation);
    };
    steps.push({ atMs: operation.beginMs, act: begun });
    const { answer, endMs } = operation;
    if (answer.is === 'released' || answer.is === 'alreadyEnded' || (answer.is === 'bound' && answer.over === 'ended'))
      steps.push({ atMs: endMs, act: () => (endedMs = Math.min(endedMs, endMs)) });
  }
  for (const { beginMs, endMs, answer, asksMs } of renewalsIn(account.operations)) {
    steps.push({ atMs: beginMs, act: () => (mostTtlMs = Math.max(mostTtlMs, asksMs ?? 0)) });
    const done = (): void => {
      if (answer.is === 'renewed') [mostTtlMs, mostMs] = [answer.ttlMs, endMs + answer.ttlMs];
      else if (answer.is === 'none') mostMs = Math.max(mostMs, endMs + mostTtlMs);
    };
    steps.push({ atMs: endMs, act: done });
  }
  for (const binding of account.operations.filter(isBinding)) {
    const { beginMs, boundMs, endMs } = binding;
    let asBeforeMs = mostMs;
    const begun = (): void => {
      asBeforeMs = mostMs;
      mostMs = Number.POSITIVE_INFINITY;
    };
    const stands = (): void => {
      mostMs = Number.POSITIVE_INFINITY;
    };
    const over = (): void => {
      mostMs = stood(binding) ? endMs : Math.max(asBeforeMs, endMs);
    };
    steps.push({ atMs: beginMs, act: begun });
    if (stood(binding)) steps.push({ atMs: boundMs, act: stands });
    if (isLetGo(binding, lives)) steps.push({ atMs: endMs, act: over });
  }
  for (const [before, life] of startsAfter(account.grantedMs, lives)) {
    const restarted = (): void => {
      if (mostMs + LATE_MS >= before.diedAfterMs) mostMs = Math.min(life.openMs ?? Number.POSITIVE_INFINITY, life.diedBeforeMs) + mostTtlMs;
    };
    steps.push({ atMs: life.spawnedMs, act: restarted });
  }
  inOrder(steps);
  return { overMs: Math.min(mostMs + LATE_MS, endedMs), revived };
}

/** When somebody may have ended it. */
function endOf(one: Operation): number[] {
  if (one.kind === 'bind') return [one.leftMs];
  return one.kind === 'release' || one.kind === 'revoke' ? [one.beginMs] : [];
}

function isBinding(one: Operation): one is Binding {
  return one.kind === 'bind';
}

function stood(one: Operation): one is Binding {
  return one.kind === 'bind' && one.boundMs < Number.POSITIVE_INFINITY;
}

/** By its client, or by a daemon that would not have it. One that broke was held by a daemon that has died: the next one gives it new time. */
function isLetGo({ beginMs, leftMs, endMs, answer }: Binding, lives: readonly Life[]): boolean {
  const overlived = lives.some(({ spawnedMs }) => spawnedMs > beginMs && spawnedMs <= endMs);
  return answer.is === 'refused' || (leftMs < Number.POSITIVE_INFINITY && !overlived);
}

function renewalsIn(operations: readonly Operation[]) {
  return operations.flatMap((one) => (one.kind === 'renew' ? [{ ...one, asksMs: one.ttlMs }] : []));
}

/** Each start behind that moment, with the life before it. */
function startsAfter(fromMs: number, lives: readonly Life[]): [Life, Life][] {
  return lives.flatMap((life, index) => {
    const before = lives[index - 1];
    return before === undefined || life.spawnedMs < fromMs ? [] : [[before, life] satisfies [Life, Life]];
  });
}

function inOrder(steps: Step[]): void {
  for (const { act } of steps.toSorted((one, other) => one.atMs - other.atMs)) act();
}
