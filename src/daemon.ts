/**
 * The composition root of the daemon. ORDER: config, lock, store, engines taken up, doors opened; the other way round at the end.
 * Nothing is adopted before the lock is held, and nobody is let in before everything is adopted.
 */
import { serve } from './api/serve.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { DaemonConfig } from './config/daemon-config.ts';
import { readDaemonConfig } from './config/daemon-config.ts';
import type { PoolSpec } from './config/spec.ts';
import type { Externals } from './engine/external/externals.ts';
import { openExternals } from './engine/external/open-externals.ts';
import { engineId } from './engine/identity.ts';
import { hasNotifyProbe } from './engine/notify/notify-sockets.ts';
import { PoolRoom } from './engine/pool-room.ts';
import { bootId } from './engine/proc.ts';
import type { Bus } from './events/bus.ts';
import { createBus } from './events/bus.ts';
import { greet } from './greeting.ts';
import { Leases } from './lease/leases.ts';
import { pastLeases } from './lease/past-leases.ts';
import { lockDaemon } from './lock.ts';
import type { Log } from './log.ts';
import { createLog, logEvents } from './log.ts';
import type { Metrics } from './metrics/metrics.ts';
import { createMetrics } from './metrics/metrics.ts';
import type { Paths } from './paths.ts';
import { Commits } from './pool/commits.ts';
import { Pools } from './pool/pools.ts';
import { restorePools } from './pool/restore.ts';
import { SHUTDOWN_DEADLINE_MS } from './pool/settle-state.ts';
import { openStartGate } from './pool/start-gate.ts';
import type { EngineStatus } from './pool/status.ts';
import { openStore } from './store/sqlite.ts';
import type { Store } from './store/store.ts';
import { VERSION } from './version.ts';

/** What answers under way get when the daemon ends. */
const CLOSE_GRACE_MS = 2_000;
/** Beyond the longest `stop.timeout`: KILL, and the tree to be gone. */
const STOP_GRACE_MS = 10_000;

interface Ending {
  readonly engines: 'stop' | 'keep';
  readonly by: string;
}

/** What everything else is built on. */
interface Ground {
  readonly paths: Paths;
  readonly clock: Clock;
  readonly config: DaemonConfig;
  readonly log: Log;
  readonly store: Store;
  readonly bus: Bus;
  readonly fault: (error: unknown) => void;
}

/** Runs until it is told to end; resolves to the exit code. Throws PooldError when it cannot start. */
export async function runDaemon(paths: Paths): Promise<number> {
  const config = readDaemonConfig(paths);
  const log = createLog({ level: config.daemon.log.level });
  for (const warning of config.warnings) log.warn({}, warning);
  const lock = lockDaemon({ stateDirectory: paths.state, runtimeDirectory: paths.runtime });
  try {
    const store = openStore({ directory: paths.state, clock: systemClock });
    if (store.damage !== null) log.fatal({}, store.damage);
    const fault = (error: unknown): void => log.error({ err: error }, 'a fault of poold itself; please report it');
    const bus = createBus({ epoch: store.epoch, clock: systemClock, failed: fault });
    logEvents(bus, log);
    const code = await superviseUntilTold({ paths, clock: systemClock, config, log, store, bus, fault });
    store.close();
    return code;
  } finally {
    lock.release();
  }
}

async function superviseUntilTold(ground: Ground): Promise<number> {
  const { paths, clock, config, log, store, bus } = ground;
  const told = Promise.withResolvers<Ending>();
  const forgetSignals = onSignals((by) => told.resolve({ engines: 'stop', by }));
  let pools: Pools | null = null;
  const room = openRoom(ground, (pool, replica, probe) => metrics.countProbeFailure(pool, replica, probe));
  const metrics: Metrics = createMetrics({
    bus,
    clock,
    version: VERSION,
    pools: () => pools?.pools() ?? [],
    storageFull: () => store.full,
    logBytes: () => room.logBytes(),
  });
  bus.publish({ type: 'daemon.started', pool: null, facts: { version: VERSION, pid: process.pid, epoch: store.epoch } });
  await warnOfNotify(ground, room);
  let externals: Externals | null = null;
  const leases = new Leases(clock);
  const forgetLeases = bus.subscribe((event) => leases.heard(event));
  const taken = await takeUp(ground, {
    room,
    leases,
    external: (pool) => externals?.of(pool) ?? [],
    told: (ending) => told.resolve(ending),
  });
  pools = taken;
  externals = await announced(ground, taken);
  const serving = await serve({
    listen: config.daemon.listen,
    socketPath: paths.apiSocket,
    leaseSocketPath: paths.leaseSocket,
    context: { host: pools, clock, events: bus, metricsText: () => metrics.text() },
    log,
    observeRequest: (route, status, seconds) => metrics.observeRequest({ route, status, durationMs: seconds * 1000 }),
    opening: () => taken.opening(),
  });
  pools.listening();
  greet(paths, pools.pools());

  const ending = await told.promise;
  const left = await endEngines(ground, pools, ending);
  pools.close();
  externals?.close();
  await serving.close(CLOSE_GRACE_MS);
  await room.close();
  metrics.close();
  forgetLeases();
  forgetSignals();
  return left.length > 0 ? 1 : 0;
}

function openRoom({ paths, clock, config, log, store, bus }: Ground, probeFailed: Metrics['countProbeFailure']): PoolRoom {
  return new PoolRoom({
    clock,
    stateDir: paths.state,
    logDir: paths.logs,
    handoffDir: paths.engines,
    runtimeDir: paths.runtime,
    stateInstance: store.instance,
    env: process.env,
    ports: config.daemon.ports,
    fixedPorts: fixedPorts(config.pools),
    warn: (facts, message) => log.warn(facts, message),
    dropped: (pool, replica, bytes) => bus.publish({ type: 'log.dropped', pool, engine: `${pool}/${replica}`, facts: { bytes } }),
    probeFailed: ({ pool, replica }, probe) => probeFailed(pool, replica, probe),
  });
}

interface TakeUp {
  readonly room: PoolRoom;
  readonly leases: Leases;
  readonly external: (pool: string) => readonly EngineStatus[];
  readonly told: (ending: Ending) => void;
}

/** What ran on without a daemon is taken in, what is wanted and missing is started. */
async function takeUp(ground: Ground, parts: TakeUp): Promise<Pools> {
  const { clock, config, log, store, bus, fault } = ground;
  const { room, leases, external, told } = parts;
  const gate = openStartGate(config.daemon.starts.perDevice);
  const publish = bus.publish.bind(bus);
  const stored = store.load();
  const commits = new Commits(store, fault);
  const restored = await restorePools(
    { clock, store, commits, room, gate, leases: leases.desk, publish, fault, bootId: bootId() },
    { stored, specs: config.pools, damaged: store.damage !== null },
  );
  leases.serves(restored.pools, pastLeases(stored, clock.wallMs()));
  for (const { pool, id, holder } of restored.lost) {
    const message = id === null ? 'the database was damaged' : 'what it was on is not known any more';
    publish({ type: 'lease.lost', pool, facts: { lease: id, holder, how: 'lost', message } });
  }
  if (restored.unknown.length > 0) {
    const engines = restored.unknown.map(engineId);
    log.error({ engines }, 'these engines of ours run on and belong to no pool of the configuration: stop them by hand');
  }
  publish({ type: 'daemon.adopted', pool: null, facts: { adopted: restored.adopted, ended: restored.ended } });
  return new Pools({
    version: VERSION,
    clock,
    store,
    room,
    pools: restored.pools,
    leases,
    subscribe: bus.subscribe.bind(bus),
    external,
    exit: (engines, actor) => told({ engines, by: actor.by }),
  });
}

/** Engines of other programs, shown with the pools they name. */
function announced({ paths, clock, config, log, bus }: Ground, pools: Pools): Promise<Externals | null> {
  return openExternals({
    handoff: config.daemon.handoff,
    ownDirectory: paths.engines,
    clock,
    specOf: (pool) => pools.specOf(pool),
    publish: bus.publish.bind(bus),
    warn: (facts, message) => log.warn(facts, message),
  });
}

async function warnOfNotify({ config, log }: Ground, room: PoolRoom): Promise<void> {
  const pools = config.pools.filter(hasNotifyProbe);
  const problem = pools.length === 0 ? null : await room.notifyProblem();
  if (problem === null) return;
  for (const { name } of pools) log.warn({ pool: name }, `cannot receive READY=1, so no engine of ${name} can become ready: ${problem}`);
}

/** The ids of those that could not be stopped. */
async function endEngines({ config, log, bus }: Ground, pools: Pools, { engines, by }: Ending): Promise<readonly string[]> {
  bus.publish({ type: 'daemon.stopping', pool: null, by, facts: { engines } });
  if (engines === 'keep') return [];
  const longest = config.pools.map((pool) => pool.stop.timeoutMs + Math.min(SHUTDOWN_DEADLINE_MS, pool.drain.deadlineMs));
  const left = await pools.stopAll(Math.max(0, ...longest) + STOP_GRACE_MS);
  if (left.length > 0) log.error({ engines: left }, `cannot stop ${left.join(', ')}: left behind, the next daemon finds them`);
  return left;
}

/** Ports that the file gives to a pool by number or range: none of them is another's by `auto`. */
function fixedPorts(pools: readonly PoolSpec[]): ReadonlySet<number> {
  const ports = pools.flatMap(({ engine: { port } }) => {
    if (port === 'auto') return [];
    if (typeof port === 'number') return [port];
    return Array.from({ length: port[1] - port[0] + 1 }, (_, step) => port[0] + step);
  });
  return new Set(ports);
}

/** A second signal of these ends the process at once: what is left is the next daemon's. Returns what takes the handlers away. */
function onSignals(told: (by: string) => void): () => void {
  let first = true;
  const handler = (signal: NodeJS.Signals): void => {
    if (!first) process.exit(1);
    first = false;
    told(signal);
  };
  process.on('SIGTERM', handler);
  process.on('SIGINT', handler);
  return () => {
    process.off('SIGTERM', handler);
    process.off('SIGINT', handler);
  };
}
