/** Small histories for the tests of the checker: one daemon that dies, and the next, with one lease that is there all the time. */
import type { Acquisition, Answer, Binding, Grant, History, Life, Listed, Use } from './history.ts';

export const TTL_MS = 1_000;
/** The first daemon dies here, the second lets in from there. */
export const DIES_MS = 500;
export const OPENS_MS = 800;

export const LIVES: readonly Life[] = [
  { spawnedMs: 0, closedUntilMs: 90, openMs: 100, diedAfterMs: DIES_MS - 1, diedBeforeMs: DIES_MS + 1 },
  {
    spawnedMs: DIES_MS + 10,
    closedUntilMs: OPENS_MS - 10,
    openMs: OPENS_MS,
    diedAfterMs: Number.POSITIVE_INFINITY,
    diedBeforeMs: Number.POSITIVE_INFINITY,
  },
];

export interface Told {
  readonly atMs: number;
  /** Unset: 5. */
  readonly tookMs?: number;
}

/** `name` is lease, holder and the end of the token. */
export function grant(name: string, changes: Partial<Grant> = {}): Grant {
  return { lease: name, token: `000000000001-${name}`, engine: 'a/0', generation: 1, slot: 0, ttlMs: TTL_MS, ...changes };
}

export function acquire(
  holder: string,
  { atMs, tookMs = 5, answer = { is: 'granted', grant: grant(holder) }, ...changes }: Told & Partial<Acquisition>,
): Acquisition {
  return {
    kind: 'acquire',
    client: 'c',
    pool: 'a',
    holder,
    key: null,
    again: false,
    beginMs: atMs,
    endMs: atMs + tookMs,
    answer,
    ...changes,
  };
}

export function use(
  kind: Use['kind'],
  lease: string,
  { atMs, tookMs = 5, answer, ttlMs = null }: Told & { readonly answer: Answer; readonly ttlMs?: number | null },
): Use {
  return { kind, client: 'c', pool: 'a', lease, ttlMs, beginMs: atMs, endMs: atMs + tookMs, answer };
}

/** A connection that stood from the one to the other. */
export function binding(
  lease: string,
  { fromMs, toMs, ...changes }: { readonly fromMs: number; readonly toMs: number } & Partial<Binding>,
): Binding {
  return {
    kind: 'bind',
    client: 'c',
    pool: 'a',
    lease,
    beginMs: fromMs,
    boundMs: fromMs,
    leftMs: Number.POSITIVE_INFINITY,
    endMs: toMs,
    answer: { is: 'bound', over: 'broken' },
    ...changes,
  };
}

export function listed(lease: string, changes: Partial<Listed> = {}): Listed {
  return { lease, holder: lease, engine: 'a/0', generation: 1, slot: 0, heldMs: 0, expiresMs: OPENS_MS + TTL_MS, ...changes };
}

export function history({ operations = [], leases, ...rest }: Partial<History> & { readonly leases?: readonly Listed[] }): History {
  const listings = leases === undefined ? [] : [{ beginMs: OPENS_MS + 10, endMs: OPENS_MS + 15, leases }];
  return { floors: new Map(), operations, listings, lives: LIVES, moves: [], ...rest };
}
