import { describe, expect, it } from 'vitest';
import { dies, ignoresTerm, serves, unkillable } from './behaviour.ts';
import { Script } from './script.ts';

describe('a stop', () => {
  it('is TERM, and over when the tree is gone', () => {
    const s = new Script().until(5);
    const id = s.stop();
    expect(s.states()).toBe('stopping');
    expect(s.view()).toMatchObject({ state: 'draining', reason: 'stopped_by_hand', ready: false, live: true });
    expect(s.outcome(id)).toBe('running');
    s.until(5.1);
    expect(s.outcome(id)).toBe('stopped');
    expect(s.view()).toMatchObject({ state: 'stopped', live: false, crashCount: 0, lastError: null });
    expect(s.history[0]).toMatchObject({ class: 'requested', failure: false, message: 'stopped as asked (exit code 0)' });
    expect(s.trace()).toEqual([
      '0s engine.starting chat/0 first',
      '0s pool.state starting',
      '1s engine.ready chat/0',
      '1s pool.state running',
      '5s drain.started stop',
      '5s terminate chat/0',
      '5s pool.state draining',
      '5.1s terminateRest chat/0',
      '5.1s engine.exited chat/0 requested',
      '5.1s engine.stopped chat/0 requested',
      '5.1s drain.finished drained',
      '5.1s operation.finished stop stopped',
      '5.1s pool.state stopped',
    ]);
    expect(s.until(10_000).spawns).toHaveLength(1);
  });

  it('is KILL at stop.timeout, never before, and forced then', () => {
    const s = new Script({ stop: { timeoutMs: 5_000 } }).engine(0, ignoresTerm).until(5);
    const id = s.stop();
    expect(s.until(9.999).trace('kill')).toEqual([]);
    expect(s.until(10).trace('kill')).toEqual(['10s kill chat/0']);
    expect(s.outcome(id)).toBe('forced');
    expect(s.history[0]).toMatchObject({ class: 'requested', signal: 'SIGKILL', failure: false });
  });

  it('leaves an engine stuck that KILL does not end: nothing is started beside it until it is gone', () => {
    const s = new Script().engine(0, unkillable, serves).until(5);
    const id = s.stop();
    s.until(14.9);
    expect(s.states()).toBe('stopping');
    s.until(15);
    expect(s.viewOf(0)).toMatchObject({ state: 'stuck', live: true, reason: 'unkillable' });
    expect(s.operation(id)).toMatchObject({ state: 'failed', error: { code: 'conflict' } });
    expect(s.operation(id).error?.message).toMatch(/^cannot stop chat\/0: .*poolctl reset/);
    // Whoever asks for it is not kept waiting for what may never come; it is started all the same when it can be.
    const started = s.start();
    expect(s.operation(started)).toMatchObject({ state: 'failed', error: { code: 'conflict' } });
    s.until(1_000);
    expect(s.spawns).toHaveLength(1);
    s.vanish(0).until(1_002);
    expect(s.spawns).toHaveLength(2);
  });

  it('of a stuck engine ends too when a person lets go of it', () => {
    const s = new Script().engine(0, unkillable, serves).until(5);
    s.restart();
    s.until(20);
    expect(s.states()).toBe('stuck');
    const before = s.effects.length;
    s.reset(null, true);
    expect(s.effects.slice(before).map((effect) => effect.do)).toEqual(expect.arrayContaining(['releasePort', 'releaseDevice', 'abandon']));
    s.vanish(0);
    s.until(25);
    expect(s.states()).toBe('ready');
  });

  it('waits for the whole tree: what outlives the main process gets TERM, and KILL at stop.timeout', () => {
    const s = new Script().engine(0, { ...serves, leavesChild: true }).until(5);
    const id = s.stop();
    s.until(9.9);
    expect(s.states()).toBe('stopping');
    expect(s.until(10).trace('terminate', 'terminateRest', 'kill')).toEqual([
      '5s terminate chat/0',
      '5.1s terminateRest chat/0',
      '10s kill chat/0',
    ]);
    expect(s.outcome(id)).toBe('forced');
    expect(s.history[0]).toMatchObject({ code: 0 });
  });

  it('of an engine that waits for its start calls the start off', () => {
    const s = new Script().engine(0, dies()).until(0.5);
    const id = s.stop();
    expect(s.outcome(id)).toBe('stopped');
    expect(s.view().state).toBe('stopped');
    expect(s.until(100).spawns).toHaveLength(1);
    expect(s.outcome(s.stop())).toBe('already');
  });

  it.each(['preflight', 'preparing'] as const)('while the start is at %s calls it off, and nothing is spawned', (step) => {
    const prepare = step === 'preparing' ? { prepare: { command: ['fetch'], timeoutMs: 60_000 } } : {};
    const s = new Script({ engine: prepare }).engine(0, { ...serves, preflightS: 10 }).until(0.5);
    expect(s.viewOf(0).reason).toBe(step);
    s.stop();
    expect(s.states()).toBe('stopped');
    expect(s.until(60).spawns).toEqual([]);
    expect(s.places).toBe(0);
  });

  it('between the intent and the pid waits for the pid, and ends it then', () => {
    const s = new Script().engine(0, { ...serves, spawnS: 2 }).until(1);
    const id = s.stop();
    expect(s.viewOf(0)).toMatchObject({ state: 'starting', reason: 'spawning' });
    s.until(3);
    expect(s.trace('terminate', 'terminateRest')).toEqual(['2s terminate chat/0', '2.1s terminateRest chat/0']);
    expect(s.outcome(id)).toBe('stopped');
    expect(s.history[0]).toMatchObject({ class: 'requested' });
  });

  it('of one engine leaves the others, is shown as an override, and survives the daemon', () => {
    const s = new Script({ replicas: 2 }).until(5);
    const id = s.stop(0);
    s.until(6);
    expect(s.outcome(id)).toBe('stopped');
    expect(s.view()).toMatchObject({
      state: 'running',
      ready: true,
      overrides: [{ key: 'engines.0', value: 'stopped', fileValue: 'running', by: 'ann' }],
    });
    expect(s.viewOf(0)).toMatchObject({
      state: 'stopped',
      reason: 'stopped_by_hand',
      message: 'stopped by ann at 2026-11-20T10:00:05.000Z',
    });
    s.until(10).daemonDies().until(100).daemonStarts().until(200);
    expect(s.states()).toBe('stopped ready');
    s.reboots().until(300);
    expect(s.states()).toBe('stopped ready');
    s.start(0);
    s.until(302);
    expect(s.states()).toBe('ready ready');
    expect(s.view().overrides).toEqual([]);
  });

  it('of the only engine is no failure of the pool on the way', () => {
    const s = new Script().until(5);
    s.trace();
    s.stop(0);
    s.until(6);
    expect(s.trace('pool.state')).toEqual(['5s pool.state draining', '5.1s pool.state stopped']);
    expect(s.view().reason).toBe('stopped_by_hand');
  });

  it('while an engine is being ended as unhealthy does not take over its reason: the first writer wins', () => {
    const s = new Script({
      probes: {
        liveness: { action: { by: 'tcpSocket', port: null }, periodMs: 1_000, timeoutMs: 500, successThreshold: 1, failureThreshold: 1 },
      },
    }).until(5);
    s.probe(0, 'liveness', false);
    const id = s.stop();
    s.until(6);
    expect(s.history[0]).toMatchObject({ class: 'unhealthy', failure: true });
    expect(s.outcome(id)).toBe('stopped');
    expect(s.view()).toMatchObject({ state: 'stopped', crashCount: 1 });
    expect(s.until(100).spawns).toHaveLength(1);
  });
});

describe('a shutdown', () => {
  it('stops every engine, takes no command, and starts nothing any more', () => {
    const s = new Script({ replicas: 2 }).engine(0, serves).engine(1, dies()).until(1.1);
    s.send({ type: 'shutdown' });
    expect(s.refused({ do: 'start', replica: null })).toMatchObject({
      code: 'shutting_down',
      message: 'cannot start chat: the daemon is stopping',
    });
    expect(s.view().message).toBe('the daemon is stopping');
    s.until(1_000);
    expect(s.view().engines.every(({ live }) => !live)).toBe(true);
    expect(s.spawns).toHaveLength(2);
  });

  it('is no stop by a person: the next daemon starts what was wanted, and goes on with a start that was due', () => {
    const s = new Script({ replicas: 2 }).engine(0, serves).engine(1, dies(), dies(), dies(), serves).until(4);
    expect(s.states()).toBe('ready backoff');
    s.send({ type: 'shutdown' }).until(5).daemonDies().until(6).daemonStarts();
    expect(s.viewOf(1)).toMatchObject({ state: 'backoff', failures: 3 });
    s.until(10);
    expect(s.spawnedAt(0)).toEqual([0, 6]);
    expect(s.spawnedAt(1)).toEqual([0, 1.2, 3.4, 7.6]);
  });

  it('ends operations that cannot come to their end', () => {
    const s = new Script().engine(0, { ...serves, preflightS: 50 }).until(1);
    const id = s.start();
    s.send({ type: 'shutdown' });
    expect(s.operation(id)).toMatchObject({ state: 'cancelled' });
  });
});
