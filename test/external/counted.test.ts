/** Nobody takes somebody else's engine for a replica. */
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Externals } from '../../src/engine/external/externals.ts';
import { createBus } from '../../src/events/bus.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import type { PoolStatus } from '../../src/pool/status.ts';
import { poolSpec } from '../engine/pool-spec.ts';
import { answers, serve } from '../probes/servers.ts';
import { announce, handoffDirectory, OWNERS } from './files.ts';

it('the metrics count it by its state, and have no series of it', async () => {
  const directory = handoffDirectory();
  const { port } = await serve(answers('ok'));
  announce(directory, 'vllm', { pool: 'chat', url: `http://127.0.0.1:${port}` });
  const bus = createBus({ epoch: 1, clock: systemClock, failed: () => {} });
  const ready = new Promise((resolve) => bus.subscribe((event) => event.type === 'engine.ready' && resolve(event)));
  const status = (): PoolStatus => ({ ...NOTHING, engines: externals.of('chat') });
  const metrics = createMetrics({
    bus,
    clock: systemClock,
    version: '1',
    pools: () => [status()],
    storageFull: () => false,
    logBytes: () => [],
  });
  onTestFinished(() => metrics.close());
  const externals = new Externals({
    clock: systemClock,
    directory,
    owners: OWNERS,
    specOf: () => poolSpec({}),
    publish: (happening) => bus.publish(happening),
    warn: () => {},
  });
  onTestFinished(() => externals.close());
  await externals.open();
  expect(await ready).toMatchObject({ engine: 'chat/external:vllm', facts: { external: true } });
  const text = await metrics.text();
  expect(text).toContain('poold_pool_engines{pool="chat",state="external"} 1\n');
  expect(text).toContain('poold_pool_engines{pool="chat",state="ready"} 0\n');
  expect(text).not.toMatch(/replica=|vllm/);
});

const NOTHING: PoolStatus = {
  pool: 'chat',
  state: 'stopped',
  reason: null,
  message: null,
  live: false,
  ready: false,
  draining: false,
  orphaned: false,
  activeLeases: 0,
  slotsTotal: 0,
  slotsFree: 0,
  queueDepth: 0,
  oldestLeaseMs: null,
  oldestWaitMs: null,
  replicas: 0,
  wanted: 0,
  engineVersion: null,
  devices: null,
  restartCount: 0,
  crashCount: 0,
  breaker: { state: 'closed', failures: 0, openUntil: null, classes: {} },
  overrides: [],
  containment: 'weak',
  lastError: null,
  engines: [],
};
