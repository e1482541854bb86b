import { expect, it } from 'vitest';
import type { StoredSpec } from '../../src/config/stored-spec.ts';
import { completedSpec } from '../../src/config/stored-spec.ts';
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

it('leaves what is there', () => {
  const inUse = { path: '/m', port: null, headers: {}, gauge: 'a', periodMs: 1, timeoutMs: 2 };
  const spec = { ...WORKER, inUse, drain: { deadlineMs: 0 }, queue: { ...WORKER.queue, limit: 0 } };
  expect(completedSpec(spec)).toEqual(spec);
});
