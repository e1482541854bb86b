import { describe, expect, it } from 'vitest';
import type { ReloadCommand, ReloadPlan } from '../../src/pool/host.ts';
import { basesOf, reloadedSpec } from '../../src/rollout/plan-state.ts';
import { plannedReload } from '../../src/rollout/planned-reload.ts';
import { dies } from '../pool/behaviour.ts';
import { Reloads } from './reloads.ts';

const ASKED: ReloadCommand = {
  do: 'reload',
  version: 'v2',
  vars: {},
  strategy: null,
  deadlineMs: null,
  cutLeases: false,
  same: false,
  admin: true,
};

function planned(s: Reloads, words: Partial<ReloadCommand> = {}): ReloadPlan {
  const command = { ...ASKED, ...words };
  const [base] = basesOf(s.state);
  if (base === undefined) throw new Error('a pool has a spec');
  const made = reloadedSpec(base, command, { by: 'ann', atMs: 0, reason: null });
  const specId = JSON.stringify(made.spec) === JSON.stringify(base.spec) ? base.specId : 'other';
  return plannedReload(s.state, command, {
    target: { ...made, fromSpecId: base.specId, specId, executable: s.executable },
    nowMs: s.nowMs,
  });
}

describe('a dry run', () => {
  it('tells the engines, the leases and the longest it can take, and changes nothing', () => {
    const s = new Reloads({ replicas: 2, engine: { vars: { model: 'a' } } }).until(5);
    s.lease('ann');
    s.until(8);
    const before = JSON.stringify(s.state);
    expect(planned(s, { vars: { model: 'b' } })).toEqual({
      pool: 'chat',
      strategy: 'blue-green',
      would: 'reload',
      changes: ['engine.version: "v1" -> "v2"', 'engine.vars.model: "a" -> "b"'],
      maxSurge: 2,
      maxUnavailable: 0,
      notes: [],
      engines: ['chat/0', 'chat/1'],
      leases: [{ id: 'l-ann', holder: 'ann', engine: 'chat/0', heldMs: 3_000 }],
      // One round: start 120 s, soak 5 s, drain 30 s, stop 5 s.
      atMostMs: 160_000,
    });
    expect(JSON.stringify(s.state)).toBe(before);
  });

  it('takes rounds where not all are replaced at once, the deadline that is asked for, and prepare before', () => {
    const s = new Reloads({ replicas: 3, engine: { devices: ['0', '1', '2'], prepare: { command: ['fetch'], timeoutMs: 7_000 } } }).until(
      5,
    );
    expect(planned(s, { deadlineMs: 1_000 })).toMatchObject({
      strategy: 'rolling',
      maxSurge: 0,
      maxUnavailable: 1,
      notes: ['maxSurge is 0: its devices are taken, so the old engine goes before the new one comes'],
      atMostMs: 7_000 + 3 * 131_000,
    });
    expect(planned(s, { strategy: 'recreate' })).toMatchObject({ strategy: 'recreate', maxUnavailable: 3, atMostMs: 7_000 + 160_000 });
  });

  it('says when nothing would be done, or only recorded, or one engine tried', () => {
    const s = new Reloads().until(5);
    expect(planned(s, { version: 'v1' })).toMatchObject({ would: 'unchanged', engines: [], leases: [], atMostMs: 0, changes: [] });
    expect(planned(s, { version: 'v1', same: true })).toMatchObject({ would: 'reload' });
    s.stop();
    s.until(6);
    expect(planned(s)).toMatchObject({ would: 'recorded', engines: [], atMostMs: 0 });
    const failed = new Reloads({ replicas: 2, breaker: { failureThreshold: 1 } }).engines(2, dies()).until(20);
    expect(planned(failed)).toMatchObject({ would: 'revive', engines: ['chat/0', 'chat/1'] });
  });

  it('leaves out what is held', () => {
    const s = new Reloads({ replicas: 3 }).until(5);
    s.stop(1);
    s.until(6);
    expect(planned(s).engines).toEqual(['chat/0', 'chat/2']);
  });
});
