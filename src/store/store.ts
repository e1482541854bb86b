/** The store as the rest of the daemon sees it. Everything is synchronous: a decision is committed BEFORE its effects run. */
import type { HistoryEntry } from '../pool/host.ts';
import type { Operation } from '../pool/status.ts';

/** Rows to put (JSON text) or to remove (`null`), all or none of them. */
export interface Batch {
  readonly pools: readonly { readonly pool: string; readonly state: string | null }[];
  readonly engines: readonly { readonly pool: string; readonly replica: number; readonly state: string | null }[];
  readonly operations: readonly Operation[];
  readonly exits: readonly HistoryEntry[];
  /** One per slot that is held; `null`: it is free. */
  readonly leases: readonly LeaseRow<string | null>[];
  /** Leases that have ended and whose holder may still ask. */
  readonly ended: readonly EndedRow[];
}

export const EMPTY_BATCH: Batch = { pools: [], engines: [], operations: [], exits: [], leases: [], ended: [] };

export interface LeaseRow<Text> {
  readonly pool: string;
  readonly replica: number;
  readonly generation: number;
  readonly slot: number;
  readonly lease: Text;
}

export interface EndedRow {
  readonly id: string;
  /** Wall clock: older ones go. */
  readonly endedAtMs: number;
  readonly body: string;
}

export interface Stored {
  readonly pools: readonly { readonly pool: string; readonly state: string }[];
  readonly engines: readonly { readonly pool: string; readonly replica: number; readonly state: string }[];
  readonly leases: readonly LeaseRow<string>[];
  /** Oldest first. */
  readonly ended: readonly EndedRow[];
  /** Pools of leases that were there and cannot be read any more, one entry for each. */
  readonly lostLeases: readonly string[];
}

export interface HistoryQuery {
  readonly pool: string;
  readonly replica: number | null;
  readonly sinceMs: number | null;
  readonly limit: number;
}

export interface Store {
  /** Counts daemon starts; raised durably when the store was opened, never lower than any before, also after damage. */
  readonly epoch: number;
  /** Made once with the state directory: marks what is ours in the process table. */
  readonly instance: string;
  /** The sentence that says what was damaged and where it was moved, or null. */
  readonly damage: string | null;
  load(): Stored;
  /** Throws PooldError `storage_full` when the disk is full even after the ballast and the history were given up: nothing of the batch is stored then. */
  commit(batch: Batch): void;
  history(query: HistoryQuery): readonly HistoryEntry[];
  operations(pool: string | null): readonly Operation[];
  operation(id: string): Operation | null;
  /** True while the disk has no room for a commit. */
  readonly full: boolean;
  close(): void;
}
