import { describe, expect, it } from 'vitest';
import { dies, notSpawned, serves } from './behaviour.ts';
import { READINESS } from './pool-spec.ts';
import { Script } from './script.ts';

describe('start', () => {
  it('has the outcome started when all are ready, and already when they were', () => {
    const s = new Script({ replicas: 2, autostart: false }).until(5);
    expect(s.view()).toMatchObject({
      state: 'stopped',
      reason: 'autostart_off',
      message: 'autostart is off; poolctl start chat starts it',
    });
    const id = s.start();
    s.until(5.9);
    expect(s.outcome(id)).toBe('running');
    s.until(6);
    expect(s.outcome(id)).toBe('started');
    expect(s.operation(id)).toMatchObject({ kind: 'start', pool: 'chat', state: 'succeeded', by: 'ann', error: null });
    expect(s.operation(id).steps.map(({ text }) => text)).toEqual([
      'start chat asked by ann',
      'starting chat/0',
      'starting chat/1',
      'chat/0 is ready',
      'chat/1 is ready',
    ]);
    expect(s.outcome(s.start())).toBe('already');
    expect(s.view().overrides).toMatchObject([{ key: 'wanted', value: 'running', fileValue: 'stopped' }]);
  });

  it('joins a start that is under way', () => {
    const s = new Script().until(0.5);
    const id = s.start();
    s.until(1);
    expect(s.outcome(id)).toBe('started');
    expect(s.spawns).toHaveLength(1);
  });

  it('fails with the first generation that does, and says why', () => {
    const s = new Script({ autostart: false }).engine(0, notSpawned('spawn_failed'), serves).until(1);
    const id = s.start();
    s.until(1.5);
    expect(s.operation(id)).toMatchObject({
      state: 'failed',
      outcome: null,
      error: { code: 'spawn_failed', message: 'cannot start chat/0: spawn_failed at spawn' },
    });
    // What it asked for stays wanted all the same.
    expect(s.until(10).states()).toBe('ready');
  });

  it('says once what could not be started', () => {
    const s = new Script({ autostart: false }).engine(0, { preflightS: 10 }).until(1);
    const id = s.start();
    const message = 'cannot start chat/0: /bin/engine does not exist';
    s.send({ type: 'startFailed', replica: 0, generation: 1, class: 'spawn_failed', message });
    expect(s.viewOf(0).lastExit).toMatchObject({ message });
    expect(s.operation(id).error?.message).toBe(message);
  });

  it('leaves out what was drained by itself, which only a resume takes back', () => {
    const s = new Script({ replicas: 2 }).engines(2, serves).until(2);
    s.tell({ do: 'drain', replica: 0, deadlineMs: null, extend: false });
    s.until(3);
    const id = s.start();
    s.until(5);
    expect([s.outcome(id), s.states()]).toEqual(['already', 'stopped ready']);
    s.stop();
    s.until(7);
    const again = s.start();
    s.until(9);
    expect([s.outcome(again), s.states()]).toEqual(['started', 'stopped ready']);
    expect(s.operation(again).steps.map(({ text }) => text)).toContain('chat/0 stays drained; poolctl resume chat/0 starts it');
    s.tell({ do: 'drain', replica: 1, deadlineMs: null, extend: false });
    s.until(11);
    expect(s.refused({ do: 'start', replica: null })).toMatchObject({
      code: 'pool_draining',
      message: 'cannot start chat: each of its engines was drained by itself; poolctl resume chat starts them',
      facts: { reason: 'MAINTENANCE', retryAfterMs: 5_000, maintenance: { allowsQueueProcessing: false } },
    });
    s.start(1);
    s.tell({ do: 'resume', replica: null });
    expect(s.until(13).states()).toBe('ready ready');
  });

  it('names a start timeout by its code', () => {
    const s = new Script({ autostart: false, startTimeoutMs: 2_000, probes: { readiness: READINESS } }).engine(0, {}).until(1);
    const id = s.start();
    s.until(10);
    expect(s.operation(id).error).toMatchObject({ code: 'start_timeout', message: 'cannot start chat/0: not ready in time' });
  });

  it('of one engine of a stopped pool leaves the others stopped', () => {
    const s = new Script({ replicas: 3, autostart: false }).until(1);
    s.start(1);
    s.until(5);
    expect(s.view().engines.map(({ id, state }) => `${id} ${state}`)).toEqual(['chat/0 stopped', 'chat/1 ready', 'chat/2 stopped']);
    expect(s.view()).toMatchObject({ state: 'running' });
  });

  it('does not pass an open breaker, and says what does', () => {
    const s = new Script().engine(0, dies()).until(60);
    expect(s.refused({ do: 'start', replica: null })).toMatchObject({
      code: 'breaker_open',
      message: 'cannot start chat: the breaker holds it back, it is open for another 4m16s; poolctl retry chat tries once now',
      facts: { pool: 'chat', reason: 'breaker_open', retryAfterMs: 256_000 },
    });
    expect(s.refused({ do: 'restart', replica: 0, now: false })).toMatchObject({ code: 'breaker_open' });
    expect(s.refused({ do: 'retry', replica: null })).toBeNull();
  });

  it('of a stopped pool with an open breaker does not send to a retry that is refused', () => {
    const s = new Script().engine(0, dies(), dies(), dies(), dies(), dies(), serves).until(60);
    s.stop();
    expect(s.refused({ do: 'retry', replica: null })).toMatchObject({
      code: 'pool_stopped',
      message: 'cannot retry chat: it is stopped; say poolctl start chat',
    });
    expect(s.refused({ do: 'start', replica: null })?.message).toBe(
      'cannot start chat: the breaker holds it back, it is open for another 4m16s; poolctl reset chat closes it',
    );
    s.reset();
    s.start();
    expect(s.until(65).states()).toBe('ready');
  });
});

describe('stop', () => {
  it('is shown as an override with who and when, and taken away by start', () => {
    const s = new Script().until(5);
    s.stop();
    expect(s.view().overrides).toEqual([
      { key: 'wanted', value: 'stopped', fileValue: 'running', by: 'ann', at: '2026-11-20T10:00:05.000Z', reason: null },
    ]);
    s.start();
    expect(s.until(10).view().overrides).toEqual([]);
    expect(s.states()).toBe('ready');
  });

  it('and start contradict each other: the newer one wins, the older is cancelled', () => {
    const s = new Script().engine(0, { ...serves, termS: 3 }).until(5);
    const stop = s.stop();
    s.until(6);
    const start = s.start();
    expect(s.operation(stop)).toMatchObject({
      state: 'cancelled',
      outcome: null,
      error: { code: 'conflict', message: 'a newer command took its place' },
    });
    s.until(7);
    const last = s.stop();
    expect(s.outcome(start)).toBe('cancelled');
    s.until(20);
    expect(s.outcome(last)).toBe('stopped');
    expect(s.spawns).toHaveLength(1);
  });

  it('during a start wins', () => {
    const s = new Script({ autostart: false }).until(1);
    const start = s.start();
    s.until(1.5);
    const stop = s.stop();
    s.until(5);
    expect([s.outcome(start), s.outcome(stop)]).toEqual(['cancelled', 'stopped']);
    expect(s.view().state).toBe('stopped');
  });

  it('during a restart wins', () => {
    const s = new Script({ replicas: 2 }).until(5);
    const restart = s.restart();
    s.until(5.5);
    const stop = s.stop();
    s.until(20);
    expect([s.outcome(restart), s.outcome(stop)]).toEqual(['cancelled', 'stopped']);
    expect(s.states()).toBe('stopped stopped');
    expect(s.spawns).toHaveLength(3);
  });
});

describe('restart', () => {
  it('stops and starts one engine after the other, each waited for', () => {
    const s = new Script({ replicas: 3 }).until(5);
    s.trace();
    const id = s.restart();
    s.until(20);
    expect(s.outcome(id)).toBe('restarted');
    expect(s.trace('terminate', 'engine.starting', 'engine.ready')).toEqual([
      '5s terminate chat/0',
      '5.1s engine.starting chat/0 manual',
      '6.1s engine.ready chat/0',
      '6.1s terminate chat/1',
      '6.2s engine.starting chat/1 manual',
      '7.2s engine.ready chat/1',
      '7.2s terminate chat/2',
      '7.3s engine.starting chat/2 manual',
      '8.3s engine.ready chat/2',
    ]);
    expect(s.view()).toMatchObject({ crashCount: 0, restartCount: 0 });
  });

  it('ends with the first engine that fails, and the others stay as they are', () => {
    const s = new Script({ replicas: 3 }).engine(1, serves, dies(0.5), serves).until(5);
    const id = s.restart();
    s.until(60);
    expect(s.operation(id)).toMatchObject({ state: 'failed', outcome: 'failed', error: { code: 'spawn_failed' } });
    expect(s.operation(id).error?.message).toBe('cannot restart chat/1: ended with exit code 1 before it was ready: last words');
    expect(s.spawns.filter(({ replica }) => replica === 2)).toHaveLength(1);
    expect(s.states()).toBe('ready ready ready');
  });

  it('can be cancelled: the engine whose turn it is goes on, the others stay', () => {
    const s = new Script({ replicas: 3 }).until(5);
    const id = s.restart();
    s.until(5.5);
    s.send({ type: 'cancel', operationId: id, stamp: { by: 'bob', atMs: 0, reason: null } });
    expect(s.operation(id)).toMatchObject({ state: 'cancelled', error: { message: 'cancelled by bob' } });
    s.until(60);
    expect(s.states()).toBe('ready ready ready');
    expect(s.spawns).toHaveLength(4);
  });

  it('leaves out engines that are stopped or scaled away meanwhile', () => {
    const s = new Script({ replicas: 4 }).until(5);
    s.stop(1);
    s.until(6);
    const id = s.restart();
    s.until(6.5);
    s.scale(3);
    s.until(60);
    expect(s.spawns.map(({ replica }) => replica)).toEqual([0, 1, 2, 3, 0, 2]);
    expect(s.outcome(id)).toBe('restarted');
  });

  it('of a newer command takes the older one’s place', () => {
    const s = new Script({ replicas: 2 }).until(5);
    const older = s.restart();
    s.until(5.5);
    const newer = s.restart();
    s.until(60);
    expect([s.outcome(older), s.outcome(newer)]).toEqual(['cancelled', 'restarted']);
  });

  it('of two engines at the same time comes to both ends', () => {
    const s = new Script({ replicas: 2 }).until(5);
    const [one, other] = [s.restart(0), s.restart(1)];
    s.until(20);
    expect([s.outcome(one), s.outcome(other)]).toEqual(['restarted', 'restarted']);
    expect(s.spawns).toHaveLength(4);
  });

  it('starts an engine that waits in back-off, and one that has failed', () => {
    const s = new Script({ replicas: 2, restart: 'never' }).engine(0, dies(), serves).until(5);
    expect(s.states()).toBe('failed ready');
    const id = s.restart(0);
    s.until(7);
    expect(s.outcome(id)).toBe('restarted');
  });

  it('is refused for what a person has stopped', () => {
    const s = new Script({ replicas: 2 }).until(5);
    s.stop(0);
    s.until(6);
    expect(s.refused({ do: 'restart', replica: 0, now: false })).toMatchObject({
      code: 'pool_stopped',
      message: 'cannot restart chat/0: it is stopped; say poolctl start chat/0',
    });
    s.stop();
    expect(s.refused({ do: 'restart', replica: null, now: false })).toMatchObject({
      code: 'pool_stopped',
      message: 'cannot restart chat: it is stopped; say poolctl start chat',
    });
  });

  it('is refused where the pool’s breaker would hold back what it has ended', () => {
    const s = new Script().engine(0, dies(), dies(), dies(), dies(), dies(), serves).until(330);
    expect(s.refused({ do: 'restart', replica: 0, now: false })).toMatchObject({
      code: 'breaker_open',
      message: 'cannot restart chat/0: the breaker holds it back, one start is being tried; poolctl reset chat closes it',
    });
  });
});
