import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { systemClock } from '../../src/clock.ts';
import type { Bus } from '../../src/events/bus.ts';
import { createBus } from '../../src/events/bus.ts';
import type { EventType, Fact } from '../../src/events/event.ts';
import { EVENT_TYPES } from '../../src/events/event.ts';
import { FEEDS } from '../../src/metrics/feeds.ts';
import type { EngineLogBytes, Metrics } from '../../src/metrics/metrics.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import type { EngineStatus, PoolStatus } from '../../src/pool/status.ts';

const startedAt = Date.UTC(2026, 10, 20, 10);
let nowMs = 0;
let pools: PoolStatus[] = [];
let logBytes: EngineLogBytes[] = [];
let full = false;
let bus: Bus;
let metrics: Metrics;
const fires: (() => void)[] = [];
const clock: Clock = {
  ...systemClock,
  nowMs: () => nowMs,
  wallMs: () => startedAt + nowMs,
  after: (_delayMs, fire) => {
    fires.push(fire);
    return { cancel: () => fires.splice(0) };
  },
};

const engine = (id: string, part: Partial<EngineStatus> = {}): EngineStatus => ({
  id,
  generation: 1,
  role: 'serving',
  state: 'ready',
  reason: null,
  message: null,
  live: true,
  ready: true,
  pid: 1,
  url: null,
  version: null,
  device: null,
  activeLeases: 0,
  inUse: null,
  failures: 0,
  breaker: 'closed',
  startedAt: new Date(startedAt).toISOString(),
  readyAt: null,
  nextStartAt: null,
  lastExit: null,
  outdated: false,
  ...part,
});

const pool = (part: Partial<PoolStatus> = {}): PoolStatus => ({
  pool: 'chat',
  state: 'running',
  reason: null,
  message: null,
  live: true,
  ready: true,
  draining: false,
  orphaned: false,
  activeLeases: 0,
  slotsTotal: 8,
  slotsFree: 4,
  queueDepth: 0,
  oldestLeaseMs: null,
  oldestWaitMs: null,
  replicas: 2,
  wanted: 2,
  engineVersion: null,
  devices: null,
  restartCount: 0,
  crashCount: 0,
  breaker: { state: 'closed', failures: 0, openUntil: null, classes: {} },
  overrides: [],
  containment: 'cgroup',
  lastError: null,
  engines: [engine('chat/0'), engine('chat/1')],
  ...part,
});

beforeEach(() => {
  nowMs = 0;
  full = false;
  pools = [pool()];
  logBytes = [];
  bus = createBus({ epoch: 1, clock });
  metrics = createMetrics({ bus, clock, version: '0.1.0', pools: () => pools, storageFull: () => full, logBytes: () => logBytes });
});

afterEach(() => metrics.close());

const happened = (type: EventType, facts: Readonly<Record<string, Fact>>, id: string | null = 'chat/0'): void => {
  bus.publish({ type, pool: 'chat', ...(id === null ? {} : { engine: id, generation: 1 }), facts });
};

/** The samples whose line begins so, without `poold_`. */
async function samples(start: string): Promise<readonly string[]> {
  const lines = (await metrics.text()).split('\n').map((line) => line.replace(/^poold_/, ''));
  return lines.filter((line) => line.startsWith(start));
}

describe('the metrics', () => {
  it('have the names of the contract that are due', async () => {
    const names = [...(await metrics.text()).matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]?.replace(/^poold_/, '')).sort();
    expect(names).toEqual(
      [
        'build_info config_ok storage_full pool_ready pool_wanted_engines pool_engines pool_slots pool_active_leases pool_queue_depth',
        'engine_up engine_starts_total engine_restarts_total engine_exits_total engine_start_duration_seconds engine_starting_seconds engine_stuck',
        'missed_exit_total backoff_delay_seconds restart_scheduled_total restart_rate restart_storm_total breaker_state breaker_open_total',
        'drain_duration_seconds drain_forced_total reload_duration_seconds reload_success_total reload_failure_total queue_oldest_seconds',
        'lease_wait_seconds lease_duration_seconds lease_oldest_seconds lease_ended_total queue_rejected_total',
        'log_bytes_total log_dropped_bytes_total probe_failures_total event_loop_lag_seconds http_request_duration_seconds',
        'process_cpu_seconds_total process_resident_memory_bytes process_virtual_memory_bytes process_open_fds process_max_fds process_start_time_seconds',
      ]
        .join(' ')
        .split(' ')
        .sort(),
    );
  });

  it('read only events there are', () => {
    const types: readonly string[] = EVENT_TYPES;
    expect(FEEDS.filter((feed) => !types.includes(feed.event))).toEqual([]);
    expect(new Set(FEEDS.map((feed) => feed.name)).size).toBe(FEEDS.length);
  });

  it('sample the pools at each scrape', async () => {
    pools = [
      pool({
        state: 'degraded',
        breaker: { state: 'half_open', failures: 1, openUntil: null, classes: { gpu: { state: 'open', failures: 5, openUntil: null } } },
        engines: [
          engine('chat/0'),
          engine('chat/1', { state: 'starting', ready: false }),
          engine('chat/2', { state: 'stuck', ready: false, breaker: 'open' }),
        ],
        replicas: 3,
        wanted: 2,
        overrides: [{ key: 'engines.1', value: 'stopped', fileValue: 'running', by: 'ann', at: 'now', reason: null }],
      }),
    ];
    nowMs = 2_500;
    const text = await metrics.text();
    for (const line of [
      'poold_pool_ready{pool="chat"} 1',
      'poold_pool_wanted_engines{pool="chat"} 2',
      'poold_pool_engines{pool="chat",state="ready"} 1',
      'poold_pool_engines{pool="chat",state="stuck"} 1',
      'poold_pool_engines{pool="chat",state="failed"} 0',
      'poold_pool_slots{pool="chat",state="total"} 8',
      'poold_pool_slots{pool="chat",state="free"} 4',
      'poold_pool_active_leases{pool="chat"} 0',
      'poold_pool_queue_depth{pool="chat"} 0',
      'poold_engine_up{pool="chat",replica="0"} 1',
      'poold_engine_up{pool="chat",replica="1"} 0',
      'poold_engine_starting_seconds{pool="chat",replica="0"} 0',
      'poold_engine_starting_seconds{pool="chat",replica="1"} 2.5',
      'poold_engine_stuck{pool="chat",replica="2"} 1',
      'poold_breaker_state{pool="chat",class="any"} 2',
      'poold_breaker_state{pool="chat",class="gpu"} 1',
      'poold_breaker_state{pool="chat",replica="2",class="any"} 1',
      'poold_build_info{version="0.1.0"} 1',
      'poold_config_ok 1',
      'poold_storage_full 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('tell first starts, restarts and canaries apart', async () => {
    expect(await samples('engine_starts_total{')).toEqual([
      'engine_starts_total{pool="chat",replica="0"} 0',
      'engine_starts_total{pool="chat",replica="1"} 0',
    ]);
    for (const cause of ['first', 'manual', 'restart', 'canary', 'trial', 'retry', 'recovery', 'restart'])
      happened('engine.starting', { cause, reason: 'oom' });
    expect(await samples('engine_starts_total{pool="chat",replica="0"}')).toEqual(['engine_starts_total{pool="chat",replica="0"} 8']);
    expect(await samples('engine_restarts_total{')).toEqual(['engine_restarts_total{pool="chat",replica="0",reason="oom"} 2']);
    expect(await samples('restart_rate{')).toEqual([`restart_rate{pool="chat"} ${2 / 60}`]);
    nowMs = 60_000;
    expect(await samples('restart_rate{')).toEqual(['restart_rate{pool="chat"} 0']);
  });

  it('count ends, and those that the check found', async () => {
    happened('engine.exited', { class: 'oom', seen: 'event' });
    happened('engine.exited', { class: 'oom', seen: 'check' });
    happened('engine.exited', { class: 'unknown', seen: 'adoption' }, 'chat/1');
    expect(await samples('engine_exits_total{')).toEqual([
      'engine_exits_total{pool="chat",replica="0",class="oom"} 2',
      'engine_exits_total{pool="chat",replica="1",class="unknown"} 1',
    ]);
    expect(await samples('missed_exit_total{')).toEqual([
      'missed_exit_total{pool="chat",replica="0"} 1',
      'missed_exit_total{pool="chat",replica="1"} 0',
    ]);
  });

  it('count openings of breakers, storms, back-offs and dropped bytes', async () => {
    happened('breaker.opened', { class: 'any' });
    happened('breaker.opened', { class: 'gpu' }, null);
    happened('restart.storm', { class: 'oom_storm', count: 10 }, null);
    happened('engine.backoff', { reason: 'backoff', delayMs: 4_000 });
    happened('engine.ready', { startMs: 700 });
    happened('log.dropped', { bytes: 4_096 });
    happened('log.dropped', {});
    expect(await samples('breaker_open_total{')).toEqual([
      'breaker_open_total{pool="chat",replica="0",class="any"} 1',
      'breaker_open_total{pool="chat",class="gpu"} 1',
    ]);
    expect(await samples('restart_storm_total{')).toEqual(['restart_storm_total{pool="chat",class="oom_storm"} 1']);
    expect(await samples('backoff_delay_seconds_sum')).toEqual(['backoff_delay_seconds_sum{pool="chat",reason="backoff"} 4']);
    expect(await samples('restart_scheduled_total{')).toEqual(['restart_scheduled_total{pool="chat",replica="0",reason="backoff"} 1']);
    expect(await samples('engine_start_duration_seconds_sum')).toEqual(['engine_start_duration_seconds_sum{pool="chat",replica="0"} 0.7']);
    expect(await samples('log_dropped_bytes_total{pool="chat",replica="0"}')).toEqual([
      'log_dropped_bytes_total{pool="chat",replica="0"} 4096',
    ]);
  });

  it('take what is no event from those who see it', async () => {
    metrics.countProbeFailure('chat', 1, 'liveness');
    metrics.observeRequest({ route: '/v1/pools/{pool}', status: 404, durationMs: 20 });
    logBytes = [{ pool: 'chat', replica: 0, bytes: 123 }];
    full = true;
    expect(await samples('probe_failures_total{')).toEqual(['probe_failures_total{pool="chat",replica="1",probe="liveness"} 1']);
    expect(await samples('http_request_duration_seconds_sum')).toEqual([
      'http_request_duration_seconds_sum{route="/v1/pools/{pool}",status="404"} 0.02',
    ]);
    logBytes = [{ pool: 'chat', replica: 0, bytes: 150 }];
    expect(await samples('log_bytes_total{')).toEqual(['log_bytes_total{pool="chat",replica="0"} 150']);
    expect(await samples('storage_full')).toEqual(['storage_full 1']);
    bus.publish({ type: 'config.rejected', pool: null, facts: {} });
    expect(await samples('config_ok')).toEqual(['config_ok 0']);
    bus.publish({ type: 'config.applied', pool: null, facts: {} });
    expect(await samples('config_ok')).toEqual(['config_ok 1']);
  });

  it('forget engines and pools that are gone', async () => {
    for (const id of ['chat/0', 'chat/1']) {
      happened('engine.starting', { cause: 'restart', reason: 'oom' }, id);
      happened('engine.ready', { startMs: 700 }, id);
    }
    happened('breaker.opened', { class: 'any' }, null);
    metrics.countProbeFailure('chat', 1, 'liveness');
    expect(await samples('probe_failures_total{')).toHaveLength(1);
    pools = [pool({ engines: [engine('chat/0')] })];
    const left = (await metrics.text()).split('\n').filter((line) => line.includes('replica="1"'));
    expect(left).toEqual([]);
    expect(await samples('engine_start_duration_seconds_count')).toHaveLength(1);
    pools = [];
    expect((await metrics.text()).split('\n').filter((line) => line.includes('pool="chat"'))).toEqual([]);
  });

  it('measure how late the loop is', async () => {
    nowMs = 600;
    fires.shift()?.();
    expect(await samples('event_loop_lag_seconds_sum')).toEqual(['event_loop_lag_seconds_sum 0.1']);
    expect(fires).toHaveLength(1);
  });

  it('know the process', async () => {
    const value = async (name: string): Promise<number> => Number((await samples(`${name} `))[0]?.split(' ')[1]);
    expect(await value('process_resident_memory_bytes')).toBeGreaterThan(1e7);
    expect(await value('process_virtual_memory_bytes')).toBeGreaterThan(1e7);
    expect(await value('process_open_fds')).toBeGreaterThan(2);
    expect(await value('process_cpu_seconds_total')).toBeGreaterThan(0);
    const started = await value('process_start_time_seconds');
    expect(started * 1_000).toBeLessThanOrEqual(systemClock.wallMs() + 1_000);
    expect(started * 1_000).toBeGreaterThan(systemClock.wallMs() - 3_600_000);
  });
});
