/**
 * What poold says about a pool: the JSON of `GET /v1/pools/{pool}`, of events and of operations. Types only, names from the contract.
 * Stamps are RFC 3339 in UTC, durations are `…Ms`.
 */
import type { Code } from '../errors.ts';

export const ENGINE_STATES = [
  'starting',
  'ready',
  'unready',
  'draining',
  'stopping',
  'stopped',
  'backoff',
  'failed',
  'stuck',
  'external',
] as const;
export type EngineStateName = (typeof ENGINE_STATES)[number];

export const POOL_STATES = ['stopped', 'drained', 'draining', 'reloading', 'paused', 'failed', 'starting', 'degraded', 'running'] as const;
export type PoolStateName = (typeof POOL_STATES)[number];

export type BreakerName = 'closed' | 'open' | 'half_open';

export interface LastExit {
  readonly class: string;
  readonly code: number | null;
  readonly signal: string | null;
  readonly at: string;
  readonly uptimeMs: number;
  readonly readyMs: number | null;
  readonly message: string;
}

export interface BreakerStatus {
  readonly state: BreakerName;
  readonly failures: number;
  readonly openUntil: string | null;
  readonly classes: Readonly<Record<string, { readonly state: BreakerName; readonly failures: number; readonly openUntil: string | null }>>;
}

export interface EngineStatus {
  readonly id: string;
  readonly generation: number;
  readonly role: 'serving' | 'candidate' | 'retiring';
  readonly state: EngineStateName;
  readonly reason: string | null;
  readonly message: string | null;
  readonly live: boolean;
  readonly ready: boolean;
  readonly pid: number | null;
  readonly url: string | null;
  readonly version: string | null;
  readonly device: string | null;
  readonly activeLeases: number;
  readonly inUse: number | null;
  readonly failures: number;
  readonly breaker: BreakerName;
  readonly startedAt: string | null;
  readonly readyAt: string | null;
  readonly nextStartAt: string | null;
  readonly lastExit: LastExit | null;
  /** The engine still runs by an older spec than the file's; its next start uses the new one. */
  readonly outdated: boolean;
}

/** `engine.version` and `engine.vars.NAME` are what `reload --version` and `--set` have put in the file's place. */
export interface Override {
  readonly key: 'replicas' | 'wanted' | 'paused' | `engines.${number}` | 'engine.version' | `engine.vars.${string}`;
  readonly value: number | string | null;
  readonly fileValue: number | string | null;
  readonly by: string;
  readonly at: string;
  readonly reason: string | null;
}

export interface PoolStatus {
  readonly pool: string;
  readonly state: PoolStateName;
  readonly reason: string | null;
  readonly message: string | null;
  readonly live: boolean;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly orphaned: boolean;
  readonly activeLeases: number;
  readonly slotsTotal: number;
  readonly slotsFree: number;
  readonly queueDepth: number;
  readonly replicas: number;
  /** How many of them should run now: a stopped pool, or engine, is not wanted. */
  readonly wanted: number;
  readonly engineVersion: string | null;
  readonly devices: readonly string[] | null;
  readonly restartCount: number;
  readonly crashCount: number;
  readonly breaker: BreakerStatus;
  readonly overrides: readonly Override[];
  readonly containment: 'cgroup' | 'weak';
  readonly lastError: string | null;
  readonly engines: readonly EngineStatus[];
}

export const OPERATION_KINDS = [
  'start',
  'stop',
  'restart',
  'drain',
  'pause',
  'resume',
  'reload',
  'scale',
  'retry',
  'reset',
  'signal',
] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];
export type OperationState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** What a drain or a reload is waiting for. */
export interface OperationProgress {
  readonly leasesLeft: number;
  readonly deadlineAt: string | null;
  /** Generation that a reload is trying, `chat/0#5`. */
  readonly candidate: string | null;
}

export interface OperationStep {
  readonly at: string;
  readonly text: string;
}

export interface Operation {
  readonly id: string;
  readonly kind: OperationKind;
  readonly pool: string;
  readonly state: OperationState;
  readonly outcome: string | null;
  readonly steps: readonly OperationStep[];
  readonly progress: OperationProgress;
  readonly error: { readonly code: Code; readonly message: string } | null;
  readonly by: string;
  readonly reason: string | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** One line of `poolctl explain`: a rule that holds something back or lets it go, and what ends that. */
export interface Explanation {
  readonly subject: string;
  readonly rule: string;
  readonly says: string;
}
