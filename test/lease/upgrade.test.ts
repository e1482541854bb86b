import { expect, it } from 'vitest';
import { poolStatus } from '../../src/pool/pool-view.ts';
import { DeskRig } from './desk-rig.ts';

it('an engine does not run by an older configuration because poold has learnt a key since', async () => {
  const rig = await DeskRig.open({});
  const { pools, engines } = rig.store.load();
  const { specId } = rig.pool().state;
  // As a poold that did not know them had stored and named it.
  const older = (text: string) =>
    JSON.stringify(JSON.parse(text.replaceAll(specId, 'older')), (key, value) =>
      ['queue', 'maxHoldMs'].includes(key) ? undefined : value,
    );
  rig.store.commit({
    pools: pools.map((row) => ({ ...row, state: older(row.state) })),
    engines: engines.map((row) => ({ ...row, state: older(row.state) })),
    operations: [],
    exits: [],
    leases: [],
    ended: [],
  });
  await rig.starts();
  const { state } = rig.pool();
  const view = poolStatus(state, { nowMs: rig.clock.nowMs(), wallMs: rig.clock.wallMs(), containment: 'weak', external: [] });
  expect(view.engines).toMatchObject([{ state: 'ready', generation: 1, outdated: false }]);
  expect(state.specs[state.specId]?.queue.limit).toBe(1_000);
  expect(rig.faults).toEqual([]);
});
