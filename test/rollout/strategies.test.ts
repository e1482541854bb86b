import { describe, expect, it } from 'vitest';
import { dies, neverReady, notPreflown, notSpawned, serves } from '../pool/behaviour.ts';
import { READINESS } from '../pool/pool-spec.ts';
import { Reloads } from './reloads.ts';

const PROBED = { probes: { readiness: READINESS } };

describe('blue-green', () => {
  it('tries all beside the old ones, and admission moves to all of them in one step when all are proven', () => {
    const s = new Reloads({ replicas: 2, slots: 2 }).until(5);
    const id = s.reload({ strategy: 'blue-green' });
    s.until(10.9);
    expect(s.generations()).toBe('0#1 v1 ready, 1#1 v1 ready, [candidate 0#2 v2 ready], [candidate 1#2 v2 ready]');
    s.lease('ann');
    expect(s.seatOf('ann')).toBe('0#1 v1 ready');
    s.until(11);
    expect(s.generations()).toBe('0#2 v2 ready, 1#2 v2 ready, [retiring 0#1 v1 ready draining], [retiring 1#1 v1 stopping draining]');
    expect(s.view()).toMatchObject({ state: 'reloading', engineVersion: 'v2', activeLeases: 1, slotsFree: 4 });
    s.lease('bob');
    expect(s.seatOf('bob')).toBe('0#2 v2 ready');
    expect(s.seatOf('ann')).toBe('0#1 v1 ready draining');
    expect(s.outcome(id)).toBe('running');
    s.until(20).release('ann').until(21);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.generations()).toBe('0#2 v2 ready, 1#2 v2 ready');
    expect(s.leftovers()).toEqual([]);
  });

  it('forces the old drain at the deadline, and ends as forced', () => {
    const s = new Reloads().until(5);
    s.lease('ann');
    const id = s.reload({ deadlineMs: 20_000 });
    s.until(30.9);
    expect(s.seatOf('ann')).toBe('0#1 v1 ready draining');
    expect(s.shown(id)).toMatchObject({ state: 'running', progress: { leasesLeft: 1, deadlineAt: '2026-11-20T10:00:31.000Z', candidate: null } });
    s.until(32);
    expect(s.operation(id)).toMatchObject({ state: 'succeeded', outcome: 'forced', error: null });
    expect(s.trace('lease.forced', 'drain.forced', 'reload.finished')).toEqual([
      '31s lease.forced chat/0',
      '31s drain.forced chat/0',
      '31.1s reload.finished reload forced',
    ]);
    expect(s.generations()).toBe('0#2 v2 ready');
  });

  it('cannot be cancelled any more after its commit: failures are ordinary then (sequence 23)', () => {
    const s = new Reloads().version('v2', dies(60), serves).until(5);
    s.lease('ann');
    const id = s.reload({ deadlineMs: 600_000 });
    s.until(20).cancel(id);
    s.until(66);
    expect(s.generations()).toBe('0#3 v2 starting, [retiring 0#1 v1 ready draining]');
    expect(s.view()).toMatchObject({ crashCount: 1, restartCount: 1 });
    s.release('ann').until(70);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.generations()).toBe('0#3 v2 ready');
    expect(s.leftovers()).toEqual([]);
  });

  it('with two engines dead at its beginning tries all the same', () => {
    const s = new Reloads({ replicas: 3, backoff: { delayMs: 50_000 } }).engine(0, dies(3)).engine(1, dies(3)).version('v2', serves).until(5);
    expect(s.states()).toBe('backoff backoff ready');
    const id = s.reload({ strategy: 'blue-green' });
    s.until(15);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.generations()).toBe('0#2 v2 ready, 1#2 v2 ready, 2#2 v2 ready');
    expect(s.leftovers()).toEqual([]);
  });

  it('never takes over one that was proven and is unready, or dead, before the others are', () => {
    const unready = new Reloads({ replicas: 2, ...PROBED, reload: { soakMs: 1_000 } }).version('v1', serves).until(5);
    unready.version('v2', serves, { readyS: 20 });
    const id = unready.reload({ strategy: 'blue-green' });
    unready.until(8);
    for (let tries = 0; tries < 3; tries += 1) unready.ready(0, 2, false);
    expect(unready.generations()).toContain('0#1 v1 ready, 1#1 v1 ready');
    unready.until(30);
    expect(unready.operation(id)).toMatchObject({ outcome: 'rolled_back', error: { code: 'health_check_failed' } });
    expect(unready.generations()).toBe('0#1 v1 ready, 1#1 v1 ready');
    // Its process is gone, and what it has left behind is not.
    const dead = new Reloads({ replicas: 2, reload: { soakMs: 0 } }).until(5);
    dead.version('v2', dies(1.5, { leavesChild: true }), { ...serves, preflightS: 0.6 });
    const other = dead.reload({ strategy: 'blue-green' });
    dead.until(20);
    expect(dead.outcome(other)).toBe('rolled_back');
    expect(dead.generations()).toBe('0#1 v1 ready, 1#1 v1 ready');
    expect(dead.leftovers()).toEqual([]);
  });
});

describe('rolling', () => {
  it('has no fewer ready engines than before, one candidate at a time', () => {
    const s = new Reloads({ replicas: 3 }).until(5);
    const id = s.reload({ strategy: 'rolling' });
    const seen = new Set<string>();
    for (let atS = 5; atS < 40; atS += 0.05) {
      s.until(atS);
      expect(s.readyCount, s.generations()).toBe(3);
      expect(s.state.others.length).toBeLessThanOrEqual(1);
      seen.add(s.state.engines.map(({ generation }) => generation).join(''));
    }
    expect([...seen]).toEqual(['111', '211', '221', '222']);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.leftovers()).toEqual([]);
  });

  it.each([
    [2, 0, 4],
    [0, 2, 2],
    [1, 2, 2],
  ])('with maxSurge %i and maxUnavailable %i keeps %i of 4', (maxSurge, maxUnavailable, least) => {
    const s = new Reloads({ replicas: 4, reload: { maxSurge, maxUnavailable } }).until(5);
    const id = s.reload({ strategy: 'rolling' });
    let fewest = 4;
    let most = 0;
    for (let atS = 5; atS < 60; atS += 0.05) {
      s.until(atS);
      fewest = Math.min(fewest, s.readyCount);
      most = Math.max(most, s.state.others.length + s.state.engines.filter(({ phase }) => 'run' in phase).length);
    }
    expect([fewest, s.outcome(id)]).toEqual([least, 'reloaded']);
    expect(most).toBe(4 + maxSurge);
    expect(s.leftovers()).toEqual([]);
  });

  it('gives the engine that was replaced its old spec again in reverse, when a later one fails', () => {
    const s = new Reloads({ replicas: 3 }).until(5);
    s.version('v2', serves, serves, dies());
    const id = s.reload({ strategy: 'rolling' });
    s.trace();
    let fewest = 3;
    for (let atS = 5; atS < 60; atS += 0.05) {
      s.until(atS);
      fewest = Math.min(fewest, s.readyCount);
    }
    expect(fewest).toBe(3);
    expect(s.operation(id)).toMatchObject({ outcome: 'rolled_back', error: { code: 'reload_failed' } });
    expect(s.operation(id).error?.message).toBe(
      'cannot reload chat: the new chat/2 failed: ended with exit code 1 before it was ready: last words',
    );
    expect(s.generations()).toBe('0#3 v1 ready, 1#3 v1 ready, 2#1 v1 ready');
    const begun = s.spawns.filter(({ cause }) => cause === 'candidate').map(({ replica }) => replica);
    expect(begun).toEqual([0, 1, 2, 1, 0]);
    expect(s.view()).toMatchObject({ state: 'running', engineVersion: 'v1', crashCount: 0, restartCount: 0 });
    expect(s.leftovers()).toEqual([]);
  });

  it('keeps the new engine where the old spec does not start again, and says both', () => {
    const s = new Reloads({ replicas: 2 }).until(5);
    s.version('v2', serves, dies());
    const id = s.reload({ strategy: 'rolling' });
    s.version('v1', dies(0.3));
    s.until(60);
    expect(s.operation(id).error?.message).toBe(
      'cannot reload chat: the new chat/1 failed: ended with exit code 1 before it was ready: last words; and on the way back the old chat/0 did not start: ended with exit code 1 before it was ready: last words',
    );
    expect(s.generations()).toBe('0#2 v2 ready, 1#1 v1 ready');
    expect(s.viewOf(0).outdated).toBe(true);
    s.version('v1', serves).crash(0).until(70);
    expect(s.generations()).toBe('0#4 v1 ready, 1#1 v1 ready');
    expect(s.leftovers()).toEqual([]);
  });
});

describe('recreate', () => {
  it('drains all, and starts each in its own place; whoever comes meanwhile is queued', () => {
    const s = new Reloads({ replicas: 2 }).until(5);
    s.lease('ann');
    const id = s.reload({ strategy: 'recreate' });
    expect(s.lease('bob').is).toBe('queued');
    expect(s.generations()).toBe('0#1 v1 ready draining, 1#1 v1 stopping draining');
    s.until(11);
    expect(s.view()).toMatchObject({ state: 'reloading', queueDepth: 1 });
    s.until(12);
    expect(s.seatOf('bob')).toBe('1#2 v2 ready');
    s.until(20).release('ann').until(40);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.generations()).toBe('0#2 v2 ready, 1#2 v2 ready');
    expect(s.leftovers()).toEqual([]);
  });
});

describe('where nothing can live beside the old engine', () => {
  it.each([
    ['a fixed port', { engine: { port: 8_000 } }, 'maxSurge is 0: its port is fixed, so the old engine goes before the new one comes'],
    ['devices', { engine: { devices: ['0'] }, reload: { maxSurge: 0, maxUnavailable: 1 } }, 'maxSurge is 0: its devices are taken, so the old engine goes before the new one comes'],
    ['a range without spare ports', { engine: { port: [8_000, 8_000] as const } }, 'maxSurge is 0: its range of ports has none to spare, so the old engine goes before the new one comes'],
  ])('%s: it is replaced in its place, and that is said', (_what, change, note) => {
    const s = new Reloads(change).until(5);
    s.trace();
    const id = s.reload();
    expect(s.happenings.findLast(({ type }) => type === 'reload.started')?.facts).toMatchObject({ strategy: 'rolling', message: note });
    s.until(5.5);
    expect(s.generations()).toMatch(/^0#1 - idle, \[candidate 0#2 v2 starting\]$/);
    expect(s.lease('bob').is).toBe('queued');
    s.until(20);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.seatOf('bob')).toBe('0#2 v2 ready');
    expect(s.refused({ ...ASKED, strategy: 'blue-green' })).toMatchObject({ code: 'invalid_config' });
    expect(s.leftovers()).toEqual([]);
  });

  it('blue-green of the file with too few ports is done rolling, and that is said', () => {
    const s = new Reloads({ replicas: 2, engine: { port: [8_000, 8_002] }, reload: { strategy: 'blue-green' } }).until(5);
    s.reload();
    expect(s.happenings.findLast(({ type }) => type === 'reload.started')?.facts).toMatchObject({
      strategy: 'rolling',
      message: 'rolling instead of blue-green: its range of ports has none to spare, there is room for 1 of 2',
    });
    s.until(60);
    expect(s.generations()).toBe('0#2 v2 ready, 1#2 v2 ready');
  });
});

const ASKED = { do: 'reload', version: 'v3', vars: {}, strategy: null, deadlineMs: null, cutLeases: false, same: false, admin: true } as const;

describe.each(['rolling', 'recreate', 'blue-green'] as const)('a candidate of %s', (strategy) => {
  it.each([
    ['dies before it is ready', dies(), 'reload_failed'],
    ['dies while it soaks', dies(3), 'reload_failed'],
    ['is never ready', neverReady, 'start_timeout'],
    ['cannot be spawned', notSpawned('spawn_failed'), 'reload_failed'],
    ['finds its port taken', notPreflown('port_busy'), 'reload_failed'],
    ['finds its device taken', notPreflown('device_busy'), 'reload_failed'],
    ['lacks what a start needs', notSpawned('starved'), 'reload_failed'],
  ])('that %s fails it, once, and nothing counts it', (_what, behaviour, code) => {
    const probed = behaviour === neverReady ? { ...PROBED, startTimeoutMs: 10_000 } : {};
    const s = new Reloads({ replicas: 2, breaker: { failureThreshold: 1 }, storm: { count: 1 }, ...probed }).until(5);
    s.version('v2', behaviour);
    const id = s.reload({ strategy });
    s.until(60);
    expect(s.operation(id)).toMatchObject({ state: 'failed', outcome: 'rolled_back', error: { code } });
    expect(s.spawns.filter(({ cause }) => cause === 'candidate').length).toBeLessThanOrEqual(strategy === 'rolling' ? 1 : 2);
    expect(s.view()).toMatchObject({ state: 'running', engineVersion: 'v1', restartCount: 0, crashCount: 0, breaker: { state: 'closed', failures: 0 } });
    expect(s.view().engines.every(({ breaker, failures, version }) => breaker === 'closed' && failures === 0 && version === 'v1')).toBe(true);
    expect(s.state).toMatchObject({ restarts: [], storm: [] });
    expect(s.trace('breaker', 'restart', 'engine.backoff', 'engine.failed')).toEqual([]);
    expect(s.leftovers()).toEqual([]);
  });

  it('that is unready while it soaks fails it', () => {
    const s = new Reloads({ ...PROBED }).until(5);
    const id = s.reload({ strategy });
    s.until(8);
    const { generation } = s.state.others[0] ?? { generation: 0 };
    for (let tries = 0; tries < 3; tries += 1) s.ready(0, generation, false);
    s.until(30);
    expect(s.operation(id)).toMatchObject({ outcome: 'rolled_back', error: { code: 'health_check_failed' } });
    expect(s.operation(id).error?.message).toContain('the new chat/0 was ready and did not stay so: not now');
    expect(s.view()).toMatchObject({ state: 'running', engineVersion: 'v1' });
  });

  it('is not begun where its prepare fails: no engine is touched', () => {
    const s = new Reloads({ engine: { prepare: { command: ['fetch'], timeoutMs: 60_000 } } }).until(5).prepares('cannot fetch it', null);
    s.trace();
    const id = s.reload({ strategy });
    expect(s.view().state).toBe('reloading');
    expect(s.generations()).toBe('0#1 v1 ready');
    s.until(20);
    expect(s.operation(id)).toMatchObject({ outcome: 'rolled_back', error: { code: 'reload_failed', message: 'cannot reload chat: cannot fetch it' } });
    expect(s.trace('prepare', 'drain', 'engine', 'terminate')).toEqual(['5s prepare']);
    expect(s.generations()).toBe('0#1 v1 ready');
    const again = s.reload({ strategy });
    s.until(40);
    expect(s.outcome(again)).toBe('reloaded');
    expect(s.trace('prepare')).toEqual(['20s prepare']);
  });
});
