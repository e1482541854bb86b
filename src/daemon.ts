/**
 * The composition root of the daemon. ORDER: config, lock, store, engines taken up, doors opened; the other way round at the end.
 * Nothing is adopted before the lock is held, and nobody is let in before everything is adopted.
 */
import { serve } from './api/serve.ts';
import { systemClock } from './clock.ts';
import { readDaemonConfig } from './config/daemon-config.ts';
import type { PoolSpec } from './config/spec.ts';
import { PoolRoom } from './engine/pool-room.ts';
import { bootId } from './engine/proc.ts';
import { createBus } from './events/bus.ts';
import { greet } from './greeting.ts';
import { lockDaemon } from './lock.ts';
import { createLog, logEvents } from './log.ts';
import { createMetrics } from './metrics/metrics.ts';
import type { Paths } from './paths.ts';
import type { Actor } from './pool/host.ts';
import { Pools } from './pool/pools.ts';
import { restorePools } from './pool/restore.ts';
import { openStartGate } from './pool/start-gate.ts';
import { openStore } from './store/sqlite.ts';
import { VERSION } from './version.ts';

/** What answers under way get when the daemon ends. */
const CLOSE_GRACE_MS = 2_000;
/** Beyond the longest `stop.timeout`: KILL, and the tree to be gone. */
const STOP_GRACE_MS = 10_000;

interface Ending {
  readonly engines: 'stop' | 'keep';
  readonly by: string;
}

/** Runs until it is told to end; resolves to the exit code. Throws PooldError when it cannot start. */
export async function runDaemon(paths: Paths): Promise<number> {
  const clock = systemClock;
  const config = readDaemonConfig(paths);
  const log = createLog({ level: config.daemon.log.level, pretty: process.stdout.isTTY === true });
  for (const warning of config.warnings) log.warn({}, warning);
  const lock = lockDaemon({ stateDirectory: paths.state, runtimeDirectory: paths.runtime });
  const store = openStore({ directory: paths.state, clock });
  const fault = (error: unknown): void => log.error({ err: error }, 'a fault of poold itself; please report it');
  const bus = createBus({ epoch: store.epoch, clock, failed: fault });
  logEvents(bus, log);
  const metrics = createMetrics({
    bus,
    clock,
    version: VERSION,
    pools: () => pools.pools(),
    storageFull: () => store.full,
    logBytes: () => room.logBytes(),
  });
  if (store.damage !== null) log.fatal({}, store.damage);

  const room = new PoolRoom({
    clock,
    stateDir: paths.state,
    logDir: paths.logs,
    handoffDir: paths.engines,
    stateInstance: store.instance,
    env: process.env,
    ports: config.daemon.ports,
    fixedPorts: fixedPorts(config.pools),
    warn: (facts, message) => log.warn(facts, message),
    dropped: (pool, replica, bytes) => bus.publish({ type: 'log.dropped', pool, engine: `${pool}/${replica}`, facts: { bytes } }),
    probeFailed: ({ pool, replica }, probe) => metrics.countProbeFailure(pool, replica, probe),
  });
  const publish = bus.publish.bind(bus);
  const gate = openStartGate(config.daemon.starts.perDevice);
  publish({ type: 'daemon.started', pool: null, facts: { version: VERSION, pid: process.pid, epoch: store.epoch } });
  const restored = await restorePools({ clock, store, room, gate, publish, fault, bootId: bootId() }, store.load(), config.pools);
  publish({ type: 'daemon.adopted', pool: null, facts: { adopted: restored.adopted, ended: restored.ended } });

  const told = Promise.withResolvers<Ending>();
  const pools: Pools = new Pools({
    version: VERSION,
    clock,
    store,
    room,
    pools: restored.pools,
    subscribe: bus.subscribe.bind(bus),
    publish,
    external: () => [],
    exit: (engines: 'stop' | 'keep', actor: Actor) => told.resolve({ engines, by: actor.by }),
  });
  const serving = await serve({
    listen: config.daemon.listen,
    socketPath: paths.apiSocket,
    context: { host: pools, clock, events: bus, metricsText: () => metrics.text() },
    log,
    observeRequest: (route, status, seconds) => metrics.observeRequest({ route, status, durationMs: seconds * 1000 }),
  });
  pools.listening();
  greet(paths, pools.pools());

  const signalled = onSignals((by) => told.resolve({ engines: 'stop', by }));
  const { engines, by } = await told.promise;
  publish({ type: 'daemon.stopping', pool: null, by, facts: { engines } });
  const timeouts = config.pools.map((pool) => pool.stop.timeoutMs);
  const left = engines === 'keep' ? [] : await pools.stopAll(Math.max(0, ...timeouts) + STOP_GRACE_MS);
  if (left.length > 0) log.error({ engines: left }, `cannot stop ${left.join(', ')}: left behind, the next daemon finds them`);
  pools.close();
  await serving.close(CLOSE_GRACE_MS);
  await room.close();
  metrics.close();
  store.close();
  lock.release();
  signalled();
  return left.length > 0 ? 1 : 0;
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
