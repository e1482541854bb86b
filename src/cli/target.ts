/** What a verb is about: `chat` or `chat/0`. */
import { UsageError } from './exit-codes.ts';

export interface PoolTarget {
  readonly pool: string;
  readonly replica: number | null;
}

/** Throws UsageError. */
export function poolTarget(text: string): PoolTarget {
  const [, pool, replica] = /^([a-z0-9][a-z0-9-]{0,62})(?:\/(0|[1-9]\d{0,4}))?$/.exec(text) ?? [];
  if (pool === undefined)
    throw new UsageError(`cannot tell which pool ${JSON.stringify(text)} is: write POOL or POOL/N, as in chat or chat/0`);
  return { pool, replica: replica === undefined ? null : Number(replica) };
}

/** Throws UsageError for `POOL/N`. */
export function wholePool(text: string): string {
  const { pool, replica } = poolTarget(text);
  if (replica !== null) throw new UsageError(`cannot do this for one engine: write the pool, ${pool}`);
  return pool;
}

/** Throws UsageError for a whole pool. */
export function oneEngine(text: string): { readonly pool: string; readonly replica: number } {
  const { pool, replica } = poolTarget(text);
  if (replica === null) throw new UsageError(`cannot do this for a whole pool: write one engine, as in ${pool}/0`);
  return { pool, replica };
}

/** Throws UsageError for anything but a whole number within these. */
export function wholeNumber(
  text: string,
  { what, from, to }: { readonly what: string; readonly from: number; readonly to: number },
): number {
  const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= from && value <= to) return value;
  throw new UsageError(`cannot take ${JSON.stringify(text)} as ${what}: a whole number from ${from} to ${to}`);
}
