import { expect, it } from 'vitest';
import { storedPools } from '../../src/pool/stored-pools.ts';
import { serves } from './behaviour.ts';
import { LIVENESS } from './pool-spec.ts';
import { Script } from './script.ts';

/** The row of an older database: `text` without these keys, wherever they stand. */
function without(keys: readonly string[], value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => (keys.includes(key) ? undefined : inner));
}

const NEWER = ['inUse', 'leases', 'queue', 'drain', 'reload', 'inUseFailures', 'lenientSinceMs'];

const NO_LEASES = { leases: [], ended: [], lostLeases: [] };

it('a pool that an older poold stored comes back whole', () => {
  const { state } = new Script({ replicas: 2, probes: { liveness: LIVENESS } }).engine(0, serves).engine(1, serves).until(5);
  const { engines, ...rest } = state;
  const older = {
    pools: [{ pool: 'chat', state: without(NEWER, { bootId: 'b', state: rest }) }],
    engines: engines
      .map((engine) => ({ pool: 'chat', replica: engine.replica, state: without(NEWER, engine) }))
      .concat({ pool: 'other', replica: 0, state: '{}' })
      .toReversed(),
    ...NO_LEASES,
  };
  expect(storedPools(older)).toEqual([{ bootId: 'b', state, lost: [] }]);
});

it('what is stored stays as it is', () => {
  const script = new Script({ probes: { liveness: LIVENESS } }).engine(0, serves).until(5);
  script.probe(0, 'inUse', true, { busy: 3 }).probe(0, 'liveness', false);
  const { engines, ...rest } = script.state;
  const stored = {
    pools: [{ pool: 'chat', state: JSON.stringify({ bootId: 'b', state: rest }) }],
    engines: engines.map((engine) => ({ pool: 'chat', replica: engine.replica, state: JSON.stringify(engine) })),
    ...NO_LEASES,
  };
  expect(storedPools(stored)).toEqual([{ bootId: 'b', state: script.state, lost: [] }]);
});
