/**
 * One engine: what is wanted of it is the pool's business, what it is stands here.
 *
 *   idle      stopped; starts when it is wanted                       → starting
 *   ended     stopped by itself, clean; only a person starts it       → starting
 *   backoff   failed or blocked; a start is due                       → starting
 *   failed    failed, and none is coming                              → starting (a person)
 *   starting  a generation is being prepared, spawned or probed       → ready, stopping
 *   ready     serves                                                  ⇄ unready, → stopping
 *   unready   lives, does not serve                                   ⇄ ready, → stopping
 *   stopping  has ended or is told to; its process tree is not yet gone → idle, ended, backoff, failed, stuck
 *   stuck     killed and still there, or not provably ours            → as after stopping, when it is gone; idle when forgotten
 *
 * A generation's reason for ending is written once, BEFORE the signal; the first writer wins. Whatever arrives for an older generation is dropped.
 * `live` = starting to stopping, and stuck: port and devices stay reserved, and there is no second process for the replica.
 *
 * Beside the engine that serves a replica there may be others of it, each a generation of its own: a `candidate`, which a reload tries, and a
 * `retiring` one, which has been replaced and ends when nobody uses it any more. What counts (rows, breakers, restarts) counts for the serving one only.
 */

import type { Lease } from '../lease/lease-state.ts';
import type { Breaker } from '../policy/breaker.ts';
import type { EndReason } from '../policy/crash-class.ts';
import type { LastExit } from '../pool/status.ts';
import type { Identity, Side } from './identity.ts';
import type { Samples } from './samples-state.ts';

/** Why a generation was started. Only `restart` and `recovery` are automatic restarts and count for the limiter; only `restart` counts for a storm. */
export type StartCause = 'first' | 'manual' | 'restart' | 'recovery' | 'trial' | 'canary' | 'retry' | 'candidate';

/** The executable as it was found for this generation: whether a reload has anything to do. */
export interface Executable {
  readonly path: string;
  readonly inode: number;
  readonly modifiedMs: number;
  readonly bytes: number;
}

/** One generation, from the decision to start it until its tree is gone. */
export interface Run {
  readonly specId: string;
  readonly cause: StartCause;
  /** Wall clock. */
  readonly startedAtMs: number;
  /** Monotonic; null until the process is there. `startTimeout` and uptime run from it. */
  readonly spawnedMs: number | null;
  readonly identity: Identity | null;
  readonly port: number | null;
  readonly device: string | null;
  readonly executable: Executable | null;
  /** Monotonic; when it first became ready. */
  readonly firstReadyMs: number | null;
  /** Monotonic; since when it is ready without a break. */
  readonly readySinceMs: number | null;
  /** Wall clock, for people. */
  readonly readyAtMs: number | null;
  readonly samples: Samples;
  readonly succeeded: boolean;
  readonly endReason: EndReason | null;
  /** What was seen of its end; a code of null with a signal of null is `unknown`. */
  readonly exit: Exit | null;
  /** KILL was needed. */
  readonly killed: boolean;
  /** Somebody still used it when it was told to end. */
  readonly cut: boolean;
  /** Monotonic; since when it can be asked, where for a time nobody could: a later daemon has taken it over, or its own had been held up. */
  readonly askableMs: number | null;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Wall clock. */
  readonly atMs: number;
  /** How it was learnt: as it happened, by the regular identity check (a miss), or by the next daemon. */
  readonly seen: 'event' | 'check' | 'adoption';
  /** The sentence that says why its exec failed: then the engine itself never ran. */
  readonly spawnFailure: string | null;
}

/** The way to a process: prepare (once per pool and spec) → preflight → a place to spawn → spawn, after the intent is stored → probing. */
export type StartStep = 'preparing' | 'preflight' | 'queued' | 'spawning' | 'probing';

export type BackoffWhy = 'failure' | 'blocked' | 'starved';

export type Phase =
  | { readonly is: 'idle' }
  | { readonly is: 'ended' }
  | { readonly is: 'backoff'; readonly why: BackoffWhy; readonly cause: StartCause; readonly dueMs: number; readonly delayMs: number }
  | { readonly is: 'failed' }
  | { readonly is: 'starting'; readonly step: StartStep; readonly run: Run }
  | { readonly is: 'ready'; readonly run: Run }
  | { readonly is: 'unready'; readonly why: string; readonly run: Run }
  | { readonly is: 'stopping'; readonly killAtMs: number; readonly stuckAtMs: number | null; readonly run: Run }
  | { readonly is: 'stuck'; readonly why: 'unkillable' | 'unproven'; readonly run: Run };

/** Who did something, when and why, beside the thing that was done. */
export interface Stamp {
  readonly by: string;
  /** Wall clock. */
  readonly atMs: number;
  readonly reason: string | null;
}

/** Set by a person's stop or drain of one engine, taken away by a start or a resume. */
export interface Hold extends Stamp {
  readonly as: 'stopped' | 'drained';
}

/**
 * It is to end once nobody uses it, or at the deadline. `unwanted`: taken back when it is wanted again. `rollout`: a reload's, which replaces it.
 */
export interface Closing {
  readonly for: 'unwanted' | 'rollout';
  /** Monotonic. */
  readonly sinceMs: number;
  /** Monotonic. */
  readonly deadlineMs: number;
  /** Those who were queued before still get their turn on it: the drain of a whole pool. */
  readonly takesQueue: boolean;
  /** What becomes of users that are left at the deadline; `abort`: they stay, and the reload is called off. */
  readonly atDeadline: 'forced' | 'revoked' | 'abort';
  /** It has a `drain.started` of its own, and so a `drain.finished`: it is no part of the drain of a whole pool. */
  readonly announced: boolean;
  /** What its own busy gauge has said since it is closing; null: it has not been heard yet. */
  readonly inUse: number | null;
}

/** A holder's word that the engine does not do its work, by lease. */
export interface Report {
  readonly leaseId: string;
  /** Monotonic. */
  readonly atMs: number;
}

export interface EngineState {
  readonly replica: number;
  readonly role: 'serving' | 'candidate' | 'retiring';
  readonly side: Side;
  /** Of the present or last one; 0 before the first. */
  readonly generation: number;
  /** The highest given out to the replica: candidates have theirs from the same count. */
  readonly issued: number;
  readonly phase: Phase;
  readonly held: Hold | null;
  /** No new leases on it, by whom; it stays. */
  readonly paused: Stamp | null;
  readonly closing: Closing | null;
  /** By slot; the end of the generation ends them. */
  readonly seats: readonly (Lease | null)[];
  readonly reports: readonly Report[];
  /** The spec that its next start uses where that is not the pool's: it was replaced by a reload that is not over. */
  readonly specId: string | null;
  /** The breaker's row: failures since the last success, without those of a class that has its own breaker. */
  readonly row: number;
  /** The back-off's k: all failures in a row. */
  readonly backoffRow: number;
  /** Starts in a row that a stranger or a lack of the host's prevented. */
  readonly blockedRow: number;
  readonly breaker: Breaker;
  readonly lastFailureClass: string | null;
  readonly lastExit: LastExit | null;
  /** Kept over generations: it belongs to the replica. */
  readonly port: number | null;
}

export type LivePhase = Extract<Phase, { readonly run: Run }>;

/** What an engine gets to show that it is ready when it was loading while no daemon could ask it. */
const ASKED_FOR_MS = 10_000;

/** When a start is over that has not come to ready: `startTimeout` after the spawn, and not before somebody has had the time to ask. */
export function startEndsMs(run: Run, startTimeoutMs: number): number {
  if (run.spawnedMs === null) return Number.POSITIVE_INFINITY;
  const graceMs = Math.min(startTimeoutMs, ASKED_FOR_MS);
  return Math.max(run.spawnedMs + startTimeoutMs, run.askableMs === null ? 0 : run.askableMs + graceMs);
}

export function livePhase(engine: EngineState): LivePhase | null {
  return 'run' in engine.phase ? engine.phase : null;
}

export function isLive(engine: EngineState): boolean {
  return 'run' in engine.phase;
}

export function newEngine(replica: number, breaker: Breaker): EngineState {
  return {
    replica,
    role: 'serving',
    side: 'a',
    generation: 0,
    issued: 0,
    phase: { is: 'idle' },
    held: null,
    paused: null,
    closing: null,
    seats: [],
    reports: [],
    specId: null,
    row: 0,
    backoffRow: 0,
    blockedRow: 0,
    breaker,
    lastFailureClass: null,
    lastExit: null,
    port: null,
  };
}
