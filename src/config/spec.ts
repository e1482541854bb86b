/**
 * What the configuration says, after defaults, kinds and merging: durations in milliseconds, sizes in bytes, nothing left to guess.
 * Pure types: the schema makes them, everything else reads them. Stored as JSON beside each engine that was started by them.
 */

export type Kind = 'worker' | 'llama-server' | 'vllm';
export type RestartPolicy = 'always' | 'on-failure' | 'never';

export interface CommandSpec {
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

export type ProbeAction =
  | { readonly by: 'httpGet'; readonly path: string; readonly port: string | null; readonly headers: Readonly<Record<string, string>> }
  | { readonly by: 'tcpSocket'; readonly port: string | null }
  | { readonly by: 'exec'; readonly command: readonly string[] };

export type StartupAction = ProbeAction | { readonly by: 'logLine'; readonly pattern: string } | { readonly by: 'notify' };

export interface ProbeSpec {
  readonly action: ProbeAction;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** A startup probe just asks until `startTimeoutMs`: it has no failure threshold. */
export interface StartupProbeSpec {
  readonly action: StartupAction;
  readonly periodMs: number;
  readonly timeoutMs: number;
}

export interface ProgressProbeSpec {
  readonly path: string;
  readonly port: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly busy: string;
  readonly counter: string;
  readonly stallMs: number;
}

/** A gauge of the engine's own that tells how many use it, also of those who took no lease. */
export interface InUseSpec {
  readonly path: string;
  readonly port: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly gauge: string;
  readonly periodMs: number;
  readonly timeoutMs: number;
}

export type ReloadStrategy = 'auto' | 'recreate' | 'rolling' | 'blue-green';

export interface BackoffSpec {
  readonly delayMs: number;
  readonly factor: number;
  readonly limitMs: number;
  /** Share of the delay, 0 to 1. */
  readonly jitter: number;
  readonly minDelayMs: number;
  readonly resetAfterMs: number;
  /** Multiplier per crash class. */
  readonly classes: Readonly<Record<string, number>>;
}

export interface BreakerSpec {
  readonly failureThreshold: number;
  readonly openForMs: number;
  readonly openForMaxMs: number;
  readonly successAfterMs: number;
  readonly classes: Readonly<Record<string, { readonly failureThreshold: number }>>;
}

export interface LimitsSpec {
  readonly memoryBytes: number | null;
  readonly pids: number | null;
  readonly openFiles: number | 'unlimited' | null;
  readonly memlockBytes: number | 'unlimited' | null;
  readonly cpuWeight: number | null;
  readonly oomScoreAdjust: number | null;
  readonly bestEffort: boolean;
}

/** Port of an engine: one chosen by poold from `ports`, one fixed, or one out of a range (both ends included). */
export type PortSpec = 'auto' | number | readonly [number, number];

export interface EngineSpec {
  /** An argv with `${…}` templates still in it; never a shell line. */
  readonly command: readonly string[];
  readonly prepare: CommandSpec | null;
  readonly preflight: CommandSpec | null;
  readonly version: string | null;
  readonly vars: Readonly<Record<string, string>>;
  /** Variable → regular expression (anchored) that a value set over the API has to match. */
  readonly settable: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly envFrom: Readonly<Record<string, { readonly file: string }>>;
  readonly workingDirectory: string | null;
  readonly user: string | null;
  readonly host: string;
  readonly port: PortSpec;
  readonly advertise: string | null;
  /** One entry per replica, or null where the pool has none. */
  readonly devices: readonly string[] | null;
  readonly requireGpu: boolean;
  readonly stopSignal: string;
  readonly limits: LimitsSpec;
}

export interface PoolSpec {
  readonly name: string;
  readonly kind: Kind;
  readonly autostart: boolean;
  readonly engine: EngineSpec;
  readonly replicas: number;
  readonly slots: number;
  readonly restart: RestartPolicy;
  readonly startTimeoutMs: number;
  readonly readyAfterMs: number;
  readonly probes: {
    readonly startup: StartupProbeSpec | null;
    readonly readiness: ProbeSpec | null;
    readonly liveness: ProbeSpec | null;
    readonly progress: ProgressProbeSpec | null;
  };
  readonly inUse: InUseSpec | null;
  readonly backoff: BackoffSpec;
  readonly breaker: BreakerSpec;
  /** `count: null` = max(10, 2 × replicas), which follows a `scale`. */
  readonly restartLimit: { readonly count: number | null; readonly windowMs: number; readonly resetAfterMs: number };
  readonly storm: { readonly count: number | null; readonly windowMs: number };
  /** The config's own patterns, then those of the kind; the first that matches decides. */
  readonly crashPatterns: readonly { readonly pattern: string; readonly class: string }[];
  readonly onExit: CommandSpec | null;
  readonly stop: { readonly timeoutMs: number; readonly command: readonly string[] | null };
  /** `maxHoldMs: 0` = as long as it is renewed. */
  readonly leases: { readonly ttlMs: number; readonly ttlMaxMs: number; readonly maxHoldMs: number };
  /** `limit: 0` = nobody waits; `agingMs: 0` = no ticket rises by waiting. */
  readonly queue: { readonly limit: number; readonly timeoutMs: number; readonly claimMs: number; readonly agingMs: number };
  readonly drain: { readonly deadlineMs: number };
  /** As they can be kept: with a fixed port or devices `maxSurge` is 0 and `maxUnavailable` at least 1, whatever was written. */
  readonly reload: {
    readonly strategy: ReloadStrategy;
    readonly maxSurge: number;
    readonly maxUnavailable: number;
    readonly soakMs: number;
  };
  readonly logs: { readonly maxSizeBytes: number; readonly keep: number; readonly whenFull: 'drop-oldest' };
}

export interface TcpListenSpec {
  readonly host: string;
  readonly port: number;
  readonly tokensFile: string;
  readonly hosts: readonly string[];
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

/** The daemon's own part of the configuration. */
export interface DaemonSpec {
  readonly listen: {
    /** `null` group = the daemon's own. `written`: the file names it, so a group that does not exist is an error. */
    readonly socket: {
      readonly mode: number;
      readonly group: { readonly name: string; readonly written: boolean } | null;
      readonly leaseGroup: { readonly name: string; readonly written: boolean } | null;
    };
    readonly tcp: TcpListenSpec | null;
    readonly metrics: { readonly host: string; readonly port: number } | null;
  };
  readonly log: { readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' };
  readonly ports: readonly [number, number];
  readonly starts: { readonly perDevice: number | null };
  readonly handoff: { readonly external: string | null; readonly allowUsers: readonly string[] };
}

export interface ConfigSpec {
  readonly daemon: DaemonSpec;
  readonly pools: readonly PoolSpec[];
}
