/** Where the daemon keeps its things: contract.md, "Processes and paths". As a service systemd says it; everything else is a person, root too. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Paths {
  /** `service` when systemd has handed over all three directories. */
  readonly as: 'service' | 'person';
  readonly config: string;
  /** Further files of pools, or null where one file is all. */
  readonly poolsDirectory: string | null;
  readonly state: string;
  readonly logs: string;
  readonly runtime: string;
  readonly apiSocket: string;
  /** For those who only take leases. */
  readonly leaseSocket: string;
  readonly pidFile: string;
  /** Pid and handoff files of the engines. */
  readonly engines: string;
}

export interface PathOptions {
  readonly config?: string | undefined;
  readonly stateDir?: string | undefined;
  readonly logDir?: string | undefined;
  readonly runtimeDir?: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Options before environment before what systemd or the person's own directories say. Relative paths start at the working directory. */
export function pathsFor(options: PathOptions, env: Env): Paths {
  const service = env.STATE_DIRECTORY !== undefined && env.LOGS_DIRECTORY !== undefined && env.RUNTIME_DIRECTORY !== undefined;
  const asked = options.config ?? env.POOLD_CONFIG;
  const config = resolve(asked ?? (service ? '/etc/poold/poold.yaml' : 'config/poold.yaml'));
  const chosenState = options.stateDir ?? env.POOLD_STATE_DIR;
  const state = resolve(chosenState ?? (service ? first(env.STATE_DIRECTORY) : personState(env)));
  const ownLogs = chosenState === undefined && service ? first(env.LOGS_DIRECTORY) : join(state, 'logs');
  const logs = resolve(options.logDir ?? ownLogs);
  const chosenRuntime = options.runtimeDir ?? env.POOLD_RUNTIME_DIR;
  const runtime = resolve(chosenRuntime ?? (service ? first(env.RUNTIME_DIRECTORY) : personRuntime(env, state)));
  return {
    as: service ? 'service' : 'person',
    config,
    poolsDirectory: service && asked === undefined ? '/etc/poold/pools.d' : null,
    state,
    logs,
    runtime,
    apiSocket: join(runtime, 'api.sock'),
    leaseSocket: join(runtime, 'lease.sock'),
    pidFile: join(runtime, 'poold.pid'),
    engines: join(runtime, 'engines'),
  };
}

/** `$XDG_STATE_HOME/poold` */
export function personState(env: Env): string {
  return join(env.XDG_STATE_HOME ?? join(env.HOME ?? homedir(), '.local', 'state'), 'poold');
}

/** `$XDG_RUNTIME_DIR/poold`, else in the state directory. */
function personRuntime(env: Env, state: string): string {
  const runtime = env.XDG_RUNTIME_DIR;
  return runtime === undefined || runtime === '' ? join(state, 'run') : join(runtime, 'poold');
}

/** systemd separates several with colons; the first is ours. */
function first(directories: string | undefined): string {
  return directories?.split(':')[0] ?? '';
}
