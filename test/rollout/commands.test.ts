import { describe, expect, it } from 'vitest';
import { dies, serves } from '../pool/behaviour.ts';
import { Reloads } from './reloads.ts';

const DEVICES = { engine: { devices: ['0', '1', '2'] }, reload: { maxSurge: 0, maxUnavailable: 1 } };
const FILE = { path: '/bin/engine', inode: 1, modifiedMs: 1, bytes: 1 };

describe('nothing to do', () => {
  it('of the same spec and executable is unchanged, says so, and is done all the same with --same', () => {
    const s = new Reloads().until(5);
    expect(s.outcome(s.reload({ version: 'v1' }))).toBe('unchanged');
    expect(s.operation('op1')).toMatchObject({ state: 'succeeded', error: null });
    expect(s.trace('reload')).toEqual([]);
    const id = s.reload({ version: null, same: true });
    s.until(30);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.generations()).toBe('0#2 v1 ready');
    expect(s.leftovers()).toEqual([]);
  });

  it.each([{ inode: 2 }, { modifiedMs: 2 }, { bytes: 2 }, { path: '/bin/other' }])('is not what a new executable is: %j', (change) => {
    const s = new Reloads();
    s.executable = FILE;
    s.until(5);
    s.reload({ version: null });
    expect(s.outcome('op1')).toBe('unchanged');
    s.executable = { ...FILE, ...change };
    const id = s.reload({ version: null });
    s.until(30);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.outcome(s.reload({ version: null }))).toBe('unchanged');
  });

  it('is not what a failed pool is: what failed it may have been mended under the same name', () => {
    const s = new Reloads({ restart: 'never' }).engine(0, dies(0.1), serves);
    s.executable = FILE;
    s.until(5);
    expect(s.view().state).toBe('failed');
    const id = s.reload({ version: null });
    s.until(30);
    expect([s.outcome(id), s.view().state]).toEqual(['reloaded', 'running']);
    expect(s.outcome(s.reload({ version: null }))).toBe('unchanged');
  });

  it('of a stopped or drained pool is recorded: the next start uses it', () => {
    const stopped = new Reloads().until(5);
    stopped.stop();
    stopped.until(6);
    expect(stopped.outcome(stopped.reload())).toBe('recorded');
    expect(stopped.leftovers()).toEqual([]);
    stopped.start();
    stopped.until(10);
    expect(stopped.generations()).toBe('0#2 v2 ready');
    const drained = new Reloads().until(5);
    drained.tell({ do: 'drain', replica: null, deadlineMs: null, extend: false });
    drained.until(6);
    expect(drained.outcome(drained.reload())).toBe('recorded');
  });
});

describe('a failed pool', () => {
  it('is tried by one candidate past the breaker, whose success closes it and lets the others follow', () => {
    const s = new Reloads({ replicas: 3, breaker: { failureThreshold: 1 } }).engines(3, dies()).version('v2', serves).until(20);
    expect(s.view()).toMatchObject({ state: 'failed', breaker: { state: 'open' } });
    const before = s.spawns.length;
    const id = s.reload();
    s.until(25);
    expect(s.spawns.slice(before)).toMatchObject([{ cause: 'candidate' }]);
    s.until(40);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.view()).toMatchObject({ state: 'running', breaker: { state: 'closed', failures: 0 }, restartCount: 2 });
    expect(s.state.engines.every(({ generation }) => generation >= 2)).toBe(true);
    expect(s.leftovers()).toEqual([]);
  });

  it('stays as it was when that fails, and its breaker goes on as before', () => {
    const s = new Reloads({ breaker: { failureThreshold: 1 } }).engine(0, dies()).until(20);
    const { openUntil, failures } = s.view().breaker;
    const id = s.reload();
    s.until(30);
    expect(s.outcome(id)).toBe('rolled_back');
    expect(s.view()).toMatchObject({ state: 'failed', breaker: { state: 'open', failures, openUntil }, engineVersion: 'v1' });
    expect(s.leftovers()).toEqual([]);
  });

  it('is not tried twice at once when its breaker’s time comes meanwhile', () => {
    const s = new Reloads({ breaker: { failureThreshold: 1, openForMs: 10_000 }, startTimeoutMs: 60_000, reload: { soakMs: 30_000 } })
      .engine(0, dies())
      .version('v2', serves)
      .until(9);
    const id = s.reload();
    s.until(30);
    expect(s.processes.filter(({ gone }) => !gone)).toHaveLength(1);
    s.until(60);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.view().breaker.state).toBe('closed');
  });
});

describe('while a reload is under way', () => {
  it.each([
    ['stop', { do: 'stop', replica: null, now: false }, 'stopped'],
    ['drain', { do: 'drain', replica: null, deadlineMs: null, extend: false }, 'drained'],
  ] as const)('a %s takes it back first', (_name, command, state) => {
    for (const change of [{ replicas: 2 }, { ...DEVICES, replicas: 2 }]) {
      for (const atS of [5.05, 5.5, 8, 11, 12.2]) {
        const s = new Reloads(change).until(5);
        const id = s.reload({ strategy: 'rolling' });
        s.until(atS);
        const told = s.tell(command);
        s.until(60);
        expect([s.outcome(id), s.outcome(told), s.view().state], `${atS} ${s.generations()}`).toEqual(['cancelled', state, state]);
        expect(s.operation(id).error?.message).toContain(`ann has asked for it to be ${state}`);
        s.tell({ do: 'resume', replica: null });
        if (state === 'stopped') s.start();
        s.until(90);
        expect(s.generations()).toMatch(/^0#\d v1 ready, 1#\d v1 ready$/);
        expect(s.leftovers()).toEqual([]);
      }
    }
  });

  it('a stop in the middle of a drain gives the engine to nobody', () => {
    const s = new Reloads(DEVICES).until(5);
    s.lease('ann');
    s.reload();
    s.lease('bob');
    s.until(10);
    s.stop();
    s.release('ann').until(20);
    expect(s.trace('lease.granted')).toEqual(['5s lease.granted chat/0']);
    expect(s.view().state).toBe('stopped');
  });

  it('the stop of one engine takes it back, and only that engine stays away', () => {
    const s = new Reloads({ replicas: 3 }).until(5);
    const id = s.reload({ strategy: 'rolling' });
    s.until(13);
    s.stop(0);
    s.until(60);
    expect(s.outcome(id)).toBe('cancelled');
    expect(s.generations()).toMatch(/^0#2 - idle, 1#\d v1 ready, 2#1 v1 ready$/);
    s.start(0);
    s.until(70);
    expect(s.generations()).toMatch(/^0#3 v1 ready, 1#\d v1 ready, 2#1 v1 ready$/);
  });

  it('another waits, the newest wins, and the one it takes the place of was superseded', () => {
    const s = new Reloads().until(5);
    const first = s.reload();
    const second = s.reload({ version: 'v3' });
    expect(s.shown(second).state).toBe('queued');
    const third = s.reload({ version: 'v4' });
    expect(s.operation(second)).toMatchObject({ state: 'cancelled', outcome: 'superseded' });
    s.until(60);
    expect([s.outcome(first), s.outcome(third)]).toEqual(['reloaded', 'reloaded']);
    expect(s.generations()).toBe('0#3 v4 ready');
    expect(s.leftovers()).toEqual([]);
  });

  it('another begins from what the first has made of the spec, or has not', () => {
    for (const cancels of [false, true]) {
      const s = new Reloads({ engine: { vars: { model: 'a' } } }).until(5);
      const first = s.reload();
      s.reload({ version: null, vars: { model: 'b' } });
      s.until(7);
      if (cancels) s.cancel(first);
      s.until(60);
      expect(s.generations()).toBe(cancels ? '0#3 v1 ready' : '0#3 v2 ready');
      const model = { key: 'engine.vars.model', value: 'b', fileValue: 'a' };
      expect(s.view().overrides).toMatchObject(cancels ? [model] : [{ key: 'engine.version', value: 'v2', fileValue: 'v1' }, model]);
      expect(s.leftovers()).toEqual([]);
    }
  });

  it('is cancelled: rolled back, then the one that waited runs (sequence 24)', () => {
    const s = new Reloads({ replicas: 2 }).until(5);
    const first = s.reload({ strategy: 'rolling' });
    const second = s.reload({ version: 'v3' });
    s.until(13).cancel(first);
    s.until(80);
    expect([s.outcome(first), s.outcome(second)]).toEqual(['cancelled', 'reloaded']);
    expect(s.generations()).toMatch(/^0#\d v3 ready, 1#\d v3 ready$/);
    expect(s.leftovers()).toEqual([]);
  });

  it('one that waits can be cancelled', () => {
    const s = new Reloads().until(5);
    s.reload();
    const second = s.reload({ version: 'v3' });
    s.cancel(second).until(40);
    expect(s.outcome(second)).toBe('cancelled');
    expect(s.generations()).toBe('0#2 v2 ready');
  });

  it('a scale is recorded, and acts after it', () => {
    const s = new Reloads().until(5);
    s.reload();
    const scaled = s.scale(3);
    s.until(10);
    expect(s.state.engines).toHaveLength(1);
    s.until(30);
    expect(s.outcome(scaled)).toBe('scaled');
    expect(s.generations()).toBe('0#2 v2 ready, 1#1 v2 ready, 2#1 v2 ready');
  });

  it('a pause keeps leases away, and the reload goes on', () => {
    const s = new Reloads().until(5);
    const id = s.reload();
    s.tell({ do: 'pause', replica: null });
    s.until(30);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.view()).toMatchObject({ state: 'paused', ready: false });
  });

  it.each(['start', 'retry'] as const)('a %s of the engine that is replaced in its place starts no second one', (verb) => {
    const s = new Reloads({ ...DEVICES, replicas: 2 }).until(5);
    const id = s.reload();
    s.until(6);
    const told = s.tell({ do: verb, replica: 0 });
    s.until(60);
    expect([s.outcome(told), s.outcome(id)]).toEqual(['started', 'reloaded']);
    expect(s.generations()).toBe('0#2 v2 ready, 1#2 v2 ready');
  });

  it('restart --now waits for it, and it for restart --now', () => {
    const s = new Reloads(DEVICES).until(5);
    const id = s.reload();
    const cut = s.restart();
    expect(s.shown(cut).state).toBe('queued');
    s.until(40);
    expect([s.outcome(id), s.outcome(cut)]).toEqual(['reloaded', 'restarted']);
    expect(s.generations()).toBe('0#3 v2 ready');
    const again = s.restart();
    const later = s.reload({ version: 'v3' });
    expect(s.shown(later).state).toBe('queued');
    s.until(80);
    expect([s.outcome(again), s.outcome(later)]).toEqual(['restarted', 'reloaded']);
    expect(s.generations()).toBe('0#5 v3 ready');
    expect(s.leftovers()).toEqual([]);
  });

  it('an engine that a person starts in the middle of it gets the new spec too', () => {
    for (const strategy of ['rolling', 'blue-green'] as const) {
      const s = new Reloads({ replicas: 2 }).until(5);
      s.stop(1);
      s.until(6);
      const id = s.reload({ strategy });
      s.until(8);
      s.start(1);
      s.until(60);
      expect(s.outcome(id)).toBe('reloaded');
      expect(s.generations()).toMatch(/^0#2 v2 ready, 1#\d v2 ready$/);
      expect(s.leftovers()).toEqual([]);
    }
  });
});

describe('engines that are held', () => {
  it('are left out, and start by the new spec later', () => {
    const s = new Reloads({ replicas: 3 }).until(5);
    s.stop(1);
    s.until(6);
    const id = s.reload();
    s.until(30);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.generations()).toBe('0#2 v2 ready, 1#1 - idle, 2#2 v2 ready');
    s.start(1);
    s.until(40);
    expect(s.generations()).toBe('0#2 v2 ready, 1#2 v2 ready, 2#2 v2 ready');
  });
});

describe('while a drain is under way', () => {
  it('a reload waits, and is recorded when the pool is drained', () => {
    const s = new Reloads().until(5);
    s.lease('ann');
    const drain = s.tell({ do: 'drain', replica: null, deadlineMs: null, extend: false });
    const id = s.reload();
    expect(s.shown(id).state).toBe('queued');
    s.until(10).release('ann').until(20);
    expect([s.outcome(drain), s.outcome(id)]).toEqual(['drained', 'recorded']);
    expect(s.view()).toMatchObject({ state: 'drained', engineVersion: 'v2' });
  });

  it('a reload waits, and runs when the drain is taken back', () => {
    const s = new Reloads().until(5);
    s.lease('ann');
    s.tell({ do: 'drain', replica: null, deadlineMs: null, extend: false });
    const id = s.reload();
    s.until(10);
    s.tell({ do: 'resume', replica: null });
    s.release('ann').until(40);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.generations()).toBe('0#2 v2 ready');
  });
});

describe('a restart', () => {
  it('is a reload of the same spec', () => {
    const s = new Reloads({ replicas: 2 }).until(5);
    s.lease('ann');
    const id = s.restartSoftly();
    s.until(20);
    expect(s.generations()).toContain('0#2 v1 ready, 1#2 v1 ready');
    s.release('ann').until(30);
    expect(s.outcome(id)).toBe('restarted');
    expect(s.view()).toMatchObject({ restartCount: 0, overrides: [] });
    expect(s.leftovers()).toEqual([]);
  });

  it('of one engine leaves the others alone, and is told nothing of them', () => {
    const s = new Reloads({ replicas: 3 }).until(5);
    const id = s.restartSoftly(1);
    s.until(7).crash(2).until(30);
    expect(s.outcome(id)).toBe('restarted');
    expect(s.generations()).toBe('0#1 v1 ready, 1#2 v1 ready, 2#2 v1 ready');
    expect(s.operation(id).steps.filter(({ text }) => text.includes('chat/2'))).toEqual([]);
  });

  it('of one engine of a failed pool tries that one', () => {
    const s = new Reloads({ replicas: 2, restart: 'never' }).engines(2, dies(), serves).until(5);
    expect(s.view().state).toBe('failed');
    const id = s.restartSoftly(1);
    s.until(5.5);
    expect(s.generations()).toBe('0#1 - failed, 1#1 - failed, [candidate 1#2 v1 starting]');
    s.until(30);
    expect(s.outcome(id)).toBe('restarted');
  });

  it('that fails leaves the engine that serves, and has failed', () => {
    const s = new Reloads({ replicas: 2 }).engine(0, serves, dies()).until(5);
    const id = s.restartSoftly();
    s.until(30);
    expect(s.operation(id)).toMatchObject({ state: 'failed', outcome: 'failed', error: { code: 'reload_failed' } });
    expect(s.generations()).toBe('0#1 v1 ready, 1#1 v1 ready');
    expect(s.view().crashCount).toBe(0);
  });
});
