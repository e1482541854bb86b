/** The metrics of the contract: counted from events, sampled from the status of the pools at each scrape; no domain file calls them. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { Bus } from '../events/bus.ts';
import type { PoolStatus } from '../pool/status.ts';
import type { Known, Subject } from './fed.ts';
import { createFed, createSeries, replicaOf } from './fed.ts';
import { RESTART } from './feeds.ts';
import { createProcessMetrics } from './process.ts';
import { createSampled } from './sampled.ts';

export interface EngineLogBytes {
  readonly pool: string;
  readonly replica: number;
  /** Written by all generations since the daemon has known the engine; never falls. */
  readonly bytes: number;
}

export interface MetricsOptions {
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly clock: Clock;
  readonly version: string;
  readonly pools: () => readonly PoolStatus[];
  readonly storageFull: () => boolean;
  readonly logBytes: () => readonly EngineLogBytes[];
}

export interface Metrics {
  readonly contentType: string;
  /** In the text format of Prometheus. */
  text(): Promise<string>;
  /** Too many to be events. */
  countProbeFailure(pool: string, replica: number, probe: string): void;
  /** `route` is the path of the route table (`/v1/pools/{pool}`), never the one that was asked for. */
  observeRequest(request: { readonly route: string; readonly status: number; readonly durationMs: number }): void;
  close(): void;
}

/** `restart_rate` looks back so far. */
const RATE_MS = 60_000;
const RATE_MAX = 10_000;

export function createMetrics({ bus, clock, version, pools, storageFull, logBytes }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const fed = createFed(registry);
  const sampled = createSampled(registry);
  const rate = createRate(registry, clock);
  const probes = createSeries({
    name: 'probe_failures_total',
    help: 'Probes that failed or got no answer in time',
    labels: ['pool', 'replica', 'probe'],
    buckets: null,
    registry,
  });
  const requests = new Histogram({
    name: 'poold_http_request_duration_seconds',
    help: 'Requests to the API',
    labelNames: ['route', 'status'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60],
    registers,
  });
  const written = new Counter({
    name: 'poold_log_bytes_total',
    help: 'Bytes the engine wrote to its log',
    labelNames: ['pool', 'replica'],
    registers,
  });
  const full = new Gauge({ name: 'poold_storage_full', help: '1 while the disk has no room for a commit', registers });
  const configOk = new Gauge({ name: 'poold_config_ok', help: '1 while the daemon runs by what its configuration file says', registers });
  new Gauge({ name: 'poold_build_info', help: 'Always 1', labelNames: ['version'], registers }).set({ version }, 1);
  configOk.set(1);
  const endProcess = createProcessMetrics(registry, clock);
  const endEvents = bus.subscribe((event) => {
    fed.heard(event);
    if (event.type === 'engine.starting' && event.facts[RESTART.fact] === RESTART.is && event.pool !== null) rate.restarted(event.pool);
    if (event.type === 'config.applied') configOk.set(1);
    if (event.type === 'config.rejected') configOk.set(0);
  });

  return {
    contentType: registry.contentType,
    async text() {
      const list = pools();
      const subjects = subjectsOf(list);
      const known: Known = (subject) => subjects.has(keyOf(subject));
      for (const series of [fed, probes]) series.forget(known);
      for (const subject of subjects.values()) fed.seen(subject);
      sampled(list, clock.wallMs());
      rate.sampled(list);
      full.set(storageFull() ? 1 : 0);
      written.reset();
      for (const { pool, replica, bytes } of logBytes()) written.inc({ pool, replica: String(replica) }, bytes);
      return await registry.metrics();
    },
    countProbeFailure(pool, replica, probe) {
      probes.add({ pool, replica: String(replica) }, { probe }, 1);
    },
    observeRequest({ route, status, durationMs }) {
      requests.observe({ route, status: String(status) }, durationMs / 1_000);
    },
    close() {
      endEvents();
      endProcess();
    },
  };
}

/** `restart_rate`: restarts per second over the last minute. */
function createRate(registry: Registry, clock: Clock): { restarted(pool: string): void; sampled(pools: readonly PoolStatus[]): void } {
  const gauge = new Gauge({
    name: 'poold_restart_rate',
    help: 'Restarts per second over the last minute',
    labelNames: ['pool'],
    registers: [registry],
  });
  const times = new Map<string, readonly number[]>();
  const recent = (pool: string): readonly number[] => (times.get(pool) ?? []).filter((atMs) => atMs > clock.nowMs() - RATE_MS);
  return {
    restarted(pool) {
      times.set(pool, [...recent(pool), clock.nowMs()].slice(-RATE_MAX));
    },
    sampled(pools) {
      gauge.reset();
      for (const pool of times.keys()) if (!pools.some((status) => status.pool === pool)) times.delete(pool);
      for (const { pool } of pools) gauge.set({ pool }, recent(pool).length / (RATE_MS / 1_000));
    },
  };
}

function subjectsOf(pools: readonly PoolStatus[]): ReadonlyMap<string, Subject> {
  const all = pools.flatMap(({ pool, engines }): Subject[] => [
    { pool, replica: null },
    ...engines.flatMap(({ id, state }) => (state === 'external' ? [] : [{ pool, replica: replicaOf(id) }])),
  ]);
  return new Map(all.map((subject) => [keyOf(subject), subject]));
}

function keyOf({ pool, replica }: Subject): string {
  return replica === null ? pool : `${pool}/${replica}`;
}
