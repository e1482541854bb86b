/** PURE: what of the promises about leases a history breaks. product.md, "Leases". */
import type { Account } from './account.ts';
import { accountsOf, boundsOf, heldUntil } from './account.ts';
import type { Acquisition, History, Listed, Listing, Operation, Promised, Violation } from './history.ts';
import { tokenViolations } from './tokens.ts';

/** Stamps are whole milliseconds of the wall clock, which is not read in the same moment as the other. */
const STAMP_MS = 5;
/** What a pool of ready engines may say to whoever wants a lease, and to one who asks again by a key. */
const CAUSES = new Set(['no_free_slot', 'queue_timeout', 'queue_full']);
const CAUSES_AGAIN = new Set([...CAUSES, 'lease_ended', 'ticket_not_found']);
/** And while something is done to its engines. */
const CAUSES_MOVED = new Set(['no_ready_engine', 'pool_draining', 'pool_paused', 'pool_stopped']);
/** Words for "you do not hold it". */
const NOT_HELD = new Set(['lease_ended', 'lease_not_found', 'stale_token']);

export function check(history: History): Violation[] {
  const accounts = accountsOf(history);
  return [
    ...accounts.flatMap((account) => ofLease(account, history)),
    ...tokenViolations(accounts, history.floors),
    ...slotViolations(accounts, history),
    ...keyViolations(accounts),
    ...history.listings.flatMap((listing) => ofListing(listing, accounts, history)),
    ...refusalViolations(history),
    ...connectionViolations(history),
  ];
}

function ofLease(account: Account, history: History): Violation[] {
  const { lease, engine, generation, slot } = account;
  const untilMs = heldUntil(account, history);
  const denied = account.operations.filter((one) => denies(one, account, history));
  const missing = history.listings.filter(
    ({ beginMs, endMs, leases }) =>
      beginMs >= account.grantedMs &&
      endMs < untilMs &&
      !leases.some((one) => one.lease === lease && one.engine === engine && one.generation === generation && one.slot === slot),
  );
  return [
    ...denied.map((one) => broken('held-over-death', `${named(account)} was held at least until ${shown(untilMs)}, but ${told(one)}`)),
    ...missing.map(({ beginMs }) =>
      broken('held-over-death', `${named(account)} was held at least until ${shown(untilMs)}, but was not listed at ${shown(beginMs)}`),
    ),
    ...boundsOf(account, history).revived.map((one) => broken('ended-for-good', `${named(account)} was over, but ${told(one)}`)),
  ];
}

/** It says that the lease is not held, at a time when it certainly was. */
function denies(one: Operation, account: Account, history: History): boolean {
  const { beginMs, endMs, answer } = one;
  if (one.kind === 'acquire') return false;
  if (answer.is === 'bound') return answer.over === 'ended' && endMs < heldUntil(account, history, one);
  if (answer.is === 'refused') return NOT_HELD.has(answer.code) && endMs < heldUntil(account, history, one);
  // A release that was sent again after its connection had broken meets its own work.
  const mayBeTwice = history.lives.some(({ diedBeforeMs }) => diedBeforeMs >= beginMs && diedBeforeMs <= endMs);
  return answer.is === 'alreadyEnded' && !mayBeTwice && endMs < heldUntil(account, history, one);
}

function slotViolations(accounts: readonly Account[], history: History): Violation[] {
  const places = Map.groupBy(accounts, ({ engine, generation, slot }) => `${engine}#${generation}, slot ${slot}`);
  const violations: Violation[] = [];
  for (const [place, own] of places) {
    let last: { readonly account: Account; readonly untilMs: number } | null = null;
    for (const account of own.toSorted((one, other) => (one.token < other.token ? -1 : 1))) {
      if (last !== null && last.untilMs > account.grantedMs) {
        const says = `${place} was given to ${named(account)} by ${shown(account.grantedMs)}, while ${named(last.account)} was held until ${shown(last.untilMs)}`;
        violations.push(broken('one-per-slot', says));
      }
      const untilMs = heldUntil(account, history);
      if (last === null || untilMs > last.untilMs) last = { account, untilMs };
    }
  }
  return violations;
}

function keyViolations(accounts: readonly Account[]): Violation[] {
  const wishes = Map.groupBy(accounts, ({ holder }) => holder);
  return [...wishes.values()]
    .filter((own) => own.length > 1)
    .map((own) => broken('one-lease-per-key', `one wish got ${own.map(named).join(' and ')}`));
}

function ofListing(listing: Listing, accounts: readonly Account[], history: History): Violation[] {
  const known = new Map(accounts.map((account) => [account.lease, account]));
  const open = new Set(
    history.operations.filter((one): one is Acquisition => one.kind === 'acquire' && one.answer.is === 'none').map(({ holder }) => holder),
  );
  const twice = [...Map.groupBy(listing.leases, ({ engine, generation, slot }) => `${engine}#${generation}, slot ${slot}`)].filter(
    ([, own]) => own.length > 1,
  );
  const wishes = [...Map.groupBy(listing.leases, ({ holder }) => holder)].filter(([, own]) => own.length > 1);
  const violations = [
    ...twice.map(([place, own]) => broken('one-per-slot', `${place} was listed with ${own.map(({ lease }) => lease).join(' and ')}`)),
    ...wishes.map(([holder, own]) => broken('one-lease-per-key', `${holder} was listed with ${own.length} leases for one wish`)),
  ];
  for (const listed of listing.leases) {
    const account = known.get(listed.lease);
    if (account === undefined) {
      if (!open.has(listed.holder))
        violations.push(
          broken(
            'held-by-who-asked',
            `${listed.lease} of ${listed.holder} was held at ${shown(listing.beginMs)}, but nobody waits for it or holds it`,
          ),
        );
      continue;
    }
    const { overMs } = boundsOf(account, history);
    if (listing.beginMs > overMs)
      violations.push(broken('ended-for-good', `${named(account)} was over by ${shown(overMs)}, but listed at ${shown(listing.beginMs)}`));
    violations.push(...ttlViolations(listed, { account, listing, history }), ...boundViolations(listed, { account, listing, history }));
  }
  return violations;
}

interface Seen {
  readonly account: Account;
  readonly listing: Listing;
  readonly history: History;
}

/** What was held over a death, and nobody has touched since, has a whole TTL from when its holder can get in. */
function ttlViolations({ expiresMs }: Listed, { account, listing, history }: Seen): Violation[] {
  const life = history.lives.findLast(({ spawnedMs }) => spawnedMs <= listing.beginMs);
  if (life === undefined || account.grantedMs >= life.spawnedMs) return [];
  // A drain ends it at its deadline.
  if (moved(history, { pool: account.pool, beginMs: life.spawnedMs, endMs: listing.endMs })) return [];
  const ttlMs = Math.min(account.ttlMs, ...account.operations.flatMap((one) => (one.kind === 'renew' ? (one.ttlMs ?? []) : [])));
  const fullMs = life.closedUntilMs + ttlMs;
  if (expiresMs >= fullMs - STAMP_MS) return [];
  return [
    broken(
      'full-ttl-after-start',
      `${named(account)} of ${ttlMs} ms got ${Math.round(expiresMs - life.closedUntilMs)} ms from the opening of the door`,
    ),
  ];
}

/** What its connection held is held by its TTL once the daemon of that connection has died. */
function boundViolations({ expiresMs }: Listed, { account, listing, history }: Seen): Violation[] {
  const life = history.lives.findLast(({ spawnedMs }) => spawnedMs <= listing.beginMs);
  if (expiresMs < Number.POSITIVE_INFINITY || life === undefined || account.grantedMs >= life.spawnedMs) return [];
  if (account.operations.some((one) => one.kind === 'bind' && one.endMs >= life.spawnedMs)) return [];
  return [broken('bound-no-longer', `${named(account)} was listed at ${shown(listing.beginMs)} as if its connection stood`)];
}

function refusalViolations(history: History): Violation[] {
  const wrong = history.operations.filter((one) => one.answer.is === 'refused' && !isCause(one.answer.code, one, history));
  return wrong.map((one) => broken('refused-with-cause', told(one)));
}

function isCause(code: string, one: Operation, history: History): boolean {
  if (one.kind !== 'acquire') return NOT_HELD.has(code);
  return (one.again ? CAUSES_AGAIN : CAUSES).has(code) || (CAUSES_MOVED.has(code) && moved(history, one));
}

function moved({ moves }: History, { pool, beginMs, endMs }: Pick<Operation, 'pool' | 'beginMs' | 'endMs'>): boolean {
  return moves.some((move) => move.pool === pool && move.beginMs <= endMs && move.endMs >= beginMs);
}

/** A daemon that lives breaks no connection. */
function connectionViolations({ operations, lives }: History): Violation[] {
  const wrong = operations.filter(
    ({ answer, beginMs, endMs }) =>
      answer.is === 'bound' &&
      answer.over === 'broken' &&
      !lives.some(({ diedAfterMs, diedBeforeMs }) => diedBeforeMs >= beginMs && diedAfterMs <= endMs),
  );
  return wrong.map((one) => broken('bound-while-connected', told(one)));
}

function broken(promise: Promised, says: string): Violation {
  return { promise, says };
}

function named({ lease, token, engine, slot, holder }: Account): string {
  return `${lease} (${token}, ${engine} slot ${slot}, ${holder})`;
}

/** One line of a history. */
export function told(one: Operation): string {
  const says = one.answer.is === 'refused' ? one.answer.code : one.answer.is === 'bound' ? one.answer.over : one.answer.is;
  const about = one.kind === 'acquire' ? one.holder : one.lease;
  return `${one.client}'s ${one.kind} of ${about} in ${one.pool} was answered ${says} between ${shown(one.beginMs)} and ${shown(one.endMs)}`;
}

function shown(atMs: number): string {
  return `${atMs.toFixed(1)} ms`;
}
