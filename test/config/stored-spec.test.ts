import { expect, it } from 'vitest';
import { BUILT_IN_PATTERNS } from '../../src/config/crash-patterns.ts';
import type { StoredSpec } from '../../src/config/stored-spec.ts';
import { completedSpec, sameSpec } from '../../src/config/stored-spec.ts';
import { WORKER } from '../worker-spec.ts';

/** As it stands in a database of before there were leases. */
function older(engine: Partial<StoredSpec['engine']> = {}): StoredSpec {
  const { inUse, leases, queue, drain, reload, ...stored } = WORKER;
  return JSON.parse(JSON.stringify({ ...stored, engine: { ...stored.engine, ...engine } })) as StoredSpec;
}

it('gives an older spec what a worker has that says nothing', () => {
  expect(completedSpec(older())).toEqual(WORKER);
});

it('replaces engines in their place where no other could stand beside them', () => {
  for (const engine of [{ devices: ['0'] }, { port: 8_000 }]) {
    expect(completedSpec(older(engine)).reload).toEqual({ ...WORKER.reload, maxSurge: 0, maxUnavailable: 1 });
  }
});

it('gives it what its own kind has, within its keys too, and mixes no ways of asking', () => {
  const probe = { action: { by: 'exec', command: ['ask'] }, periodMs: 1 } as const;
  const older = { ...WORKER, kind: 'vllm', probes: { startup: null, liveness: probe }, queue: { limit: 3 } } as unknown as StoredSpec;
  const { probes, queue } = completedSpec(JSON.parse(JSON.stringify(older)));
  expect(probes).toMatchObject({ startup: null, readiness: { periodMs: 2_000 }, liveness: { ...probe, timeoutMs: 5_000 } });
  expect(probes.liveness?.action).toEqual(probe.action);
  expect(queue).toEqual({ ...WORKER.queue, limit: 3 });
});

it('says the same in another order, and with other built-in patterns, but not with others of the file', () => {
  const pattern = { pattern: 'boom', class: 'gpu' };
  const turned = Object.fromEntries(Object.entries(WORKER).toReversed()) as unknown as typeof WORKER;
  expect(sameSpec(WORKER, { ...turned, crashPatterns: BUILT_IN_PATTERNS.slice(1) })).toBe(true);
  expect(sameSpec(WORKER, { ...WORKER, crashPatterns: [pattern, ...WORKER.crashPatterns] })).toBe(false);
  expect(sameSpec(WORKER, { ...WORKER, engine: { ...WORKER.engine, vars: { a: '1' } } })).toBe(false);
});

it('leaves what is there', () => {
  const inUse = { path: '/m', port: null, headers: {}, gauge: 'a', periodMs: 1, timeoutMs: 2 };
  const spec = { ...WORKER, inUse, drain: { deadlineMs: 0 }, queue: { ...WORKER.queue, limit: 0 } };
  expect(completedSpec(spec)).toEqual(spec);
});
