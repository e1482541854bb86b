/**
 * What a full disk would not take of a pool's records: kept until a commit goes through, and shown with what is stored. So long nothing is tidied
 * up behind an end either: the run record is all that the next daemon would know of it.
 */
import type { EndedRow, HistoryQuery } from '../store/store.ts';
import type { Effect } from './effects.ts';
import type { HistoryEntry } from './host.ts';
import type { Operation } from './status.ts';

/** Of each kind; the oldest go first. */
const KEPT = 100;

export interface Records {
  readonly operations: readonly Operation[];
  readonly exits: readonly HistoryEntry[];
  /** Leases that have ended: whoever held one may still ask why. */
  readonly ended: readonly EndedRow[];
}

export class Unstored {
  readonly #operations = new Map<string, Operation>();
  readonly #exits = new Map<string, HistoryEntry>();
  readonly #ended = new Map<string, EndedRow>();
  /** At most one for each generation that is stored. */
  readonly #releases: Effect[] = [];

  keep({ operations, exits, ended }: Records): void {
    for (const operation of operations) put(this.#operations, operation.id, operation);
    for (const entry of exits) put(this.#exits, keyOf(entry), entry);
    for (const row of ended) put(this.#ended, row.id, row);
  }

  putOff(release: Effect): void {
    this.#releases.push(release);
  }

  /** In the order in which they came, with the new ones behind them: for the next commit. */
  before(records: Records): Records {
    return {
      operations: [...this.#operations.values(), ...records.operations],
      exits: [...this.#exits.values(), ...records.exits],
      ended: [...this.#ended.values(), ...records.ended],
    };
  }

  /** All of it is stored: what was put off till then. */
  stored(): readonly Effect[] {
    this.#operations.clear();
    this.#exits.clear();
    this.#ended.clear();
    return this.#releases.splice(0);
  }

  /** Newest first. */
  operations(): readonly Operation[] {
    return [...this.#operations.values()].toReversed();
  }

  /** `stored` is what the store answers; an entry may be in both, and is later here. */
  history(query: HistoryQuery, stored: readonly HistoryEntry[]): readonly HistoryEntry[] {
    const known = new Set(stored.map(keyOf));
    const more = [...this.#exits.values()].filter((entry) => !known.has(keyOf(entry)) && isAsked(entry, query)).toReversed();
    return [...more, ...stored.map((entry) => this.#exits.get(keyOf(entry)) ?? entry)].slice(0, query.limit);
  }
}

function put<T>(records: Map<string, T>, key: string, record: T): void {
  records.set(key, record);
  const [oldest] = records.keys();
  if (records.size > KEPT && oldest !== undefined) records.delete(oldest);
}

function isAsked({ engine, at }: HistoryEntry, { pool, replica, sinceMs }: HistoryQuery): boolean {
  return (replica === null || engine === `${pool}/${replica}`) && (sinceMs === null || Date.parse(at) >= sinceMs);
}

function keyOf({ engine, generation, startedAt }: HistoryEntry): string {
  return `${engine} ${generation} ${startedAt}`;
}
