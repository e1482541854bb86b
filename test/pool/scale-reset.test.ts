import { describe, expect, it } from 'vitest';
import { dies, diesOf, ignoresTerm, serves, unkillable } from './behaviour.ts';
import { READINESS } from './pool-spec.ts';
import { Script } from './script.ts';

describe('scale', () => {
  it('up starts the new ones, and is kept as an override over the daemon and the boot (sequence 25)', () => {
    const s = new Script({ replicas: 2 }).until(5);
    const id = s.scale(5);
    s.until(7);
    expect(s.outcome(id)).toBe('scaled');
    expect(s.view()).toMatchObject({ replicas: 5, slotsTotal: 5, overrides: [{ key: 'replicas', value: 5, fileValue: 2 }] });
    s.daemonDies().until(10).daemonStarts().until(20);
    expect(s.states()).toBe('ready ready ready ready ready');
    s.reboots().until(30);
    expect(s.view()).toMatchObject({ replicas: 5, state: 'running' });
  });

  it('down stops the highest replicas, and is scaled even where KILL was needed', () => {
    const s = new Script({ replicas: 3 }).engine(2, ignoresTerm).until(5);
    const id = s.scale(1);
    expect(s.states()).toBe('ready stopping stopping');
    s.until(20);
    expect(s.outcome(id)).toBe('scaled');
    expect(s.view()).toMatchObject({ state: 'running', replicas: 1, slotsTotal: 1, engines: [{ id: 'chat/0' }] });
  });

  it('to the file’s count is no override', () => {
    const s = new Script({ replicas: 2 }).until(5);
    s.scale(3);
    s.scale(2);
    expect(s.view().overrides).toEqual([]);
  });

  it('to none stops the pool without a word of failure, and says how to go on', () => {
    const s = new Script().until(5);
    s.trace();
    s.scale(0);
    s.until(6);
    expect(s.trace('pool.state')).toEqual(['5s pool.state draining', '5.1s pool.state stopped']);
    expect(s.view()).toMatchObject({ reason: 'scaled_to_none', message: 'scaled to 0 by ann; poolctl scale chat N starts N engines' });
    s.scale(1);
    expect(s.until(10).states()).toBe('ready');
  });

  it('takes the place of an older one that it contradicts', () => {
    const s = new Script().until(5);
    const older = s.scale(4);
    const newer = s.scale(2);
    s.until(10);
    expect([s.outcome(older), s.outcome(newer)]).toEqual(['cancelled', 'scaled']);
    expect(s.states()).toBe('ready ready');
  });

  it('that had to wait adds an engine before the breakers look: a half-open one tries it, and does not close as if nothing was missing', () => {
    const s = new Script().until(5);
    const waitingScale = { replicas: 2, operationId: 'op9', stamp: { by: 'ann', atMs: 0, reason: null } };
    s.state = { ...s.state, breaker: { is: 'half_open', openForMs: 10_000 }, waitingScale };
    s.send({ type: 'tick' });
    expect(s.view().breaker.state).toBe('half_open');
    s.until(6);
    expect(s.causeOf({ replica: 1, generation: 1 })).toBe('canary');
    expect(s.until(70).view()).toMatchObject({ state: 'running', breaker: { state: 'closed' } });
  });

  it('that had waited over a death of the daemon calls off at once the start of what it takes away', () => {
    const s = new Script({ replicas: 2 }).engine(1, dies(3)).until(3.5);
    const waitingScale = { replicas: 1, operationId: 'op9', stamp: { by: 'ann', atMs: 0, reason: null } };
    s.state = { ...s.state, waitingScale };
    s.daemonDies().daemonStarts();
    expect(s.state.engines.map(({ phase }) => phase.is)).toEqual(['ready', 'idle']);
  });

  it('starts what it takes back on its way out, also where that fails there and restart: never would leave it so', () => {
    const s = new Script({ replicas: 2, restart: 'never' }).engine(1, dies(5, { leavesChild: true, unkillable: true }), serves).until(7);
    expect(s.states()).toBe('ready stopping');
    s.scale(1);
    const id = s.scale(2);
    s.vanish(1).until(10);
    expect(s.states()).toBe('ready ready');
    expect(s.outcome(id)).toBe('scaled');
  });

  it('of a stopped pool is recorded', () => {
    const s = new Script({ autostart: false }).until(1);
    expect(s.outcome(s.scale(3))).toBe('scaled');
    s.start();
    expect(s.until(5).states()).toBe('ready ready ready');
  });

  it.each([
    [-1, 'cannot scale chat to -1: a whole number from 0 to 1000 is needed'],
    [1.5, 'cannot scale chat to 1.5: a whole number from 0 to 1000 is needed'],
    [1_001, 'cannot scale chat to 1001: a whole number from 0 to 1000 is needed'],
    [3, 'cannot scale chat to 3: it has devices for 2'],
  ])('to %s is refused where it cannot be', (replicas, message) => {
    const s = new Script({ engine: { devices: ['0', '1'] } });
    expect(s.refused({ do: 'scale', replicas })).toMatchObject({ code: 'invalid_request', message });
  });

  it('beyond the ports is refused', () => {
    expect(new Script({ engine: { port: 8_000 } }).refused({ do: 'scale', replicas: 2 })?.message).toBe(
      'cannot scale chat to 2: its port is fixed to 8000',
    );
    expect(new Script({ engine: { port: [8_000, 8_001] } }).refused({ do: 'scale', replicas: 3 })?.message).toBe(
      'cannot scale chat to 3: it has ports 8000 to 8001',
    );
    expect(new Script({ engine: { port: [8_000, 8_001] } }).refused({ do: 'scale', replicas: 2 })).toBeNull();
  });
});

describe('retry', () => {
  it('passes back-off, limiter and breakers with one start, and is no restart', () => {
    const s = new Script().engine(0, dies()).until(60);
    const id = s.retry();
    expect(s.until(60).spawns.at(-1)).toMatchObject({ atS: 60, cause: 'retry' });
    s.until(100);
    expect(s.outcome(id)).toBe('failed');
    expect(s.spawns).toHaveLength(6);
    expect(s.view().restartCount).toBe(4);
  });

  it('of a pool takes the engine that a canary would be', () => {
    const s = new Script({ replicas: 3, breaker: { failureThreshold: 1 } }).engines(3, dies(), dies()).until(5);
    s.retry(0);
    s.until(6);
    s.retry();
    s.until(7);
    expect(s.spawns.slice(3).map(({ replica }) => replica)).toEqual([0, 1]);
  });

  it('of a pool that is all there is already', () => {
    const s = new Script().until(5);
    expect(s.outcome(s.retry())).toBe('already');
  });

  it('starts what has failed under restart never', () => {
    const s = new Script({ restart: 'never' }).engine(0, dies(), serves).until(5);
    const id = s.retry();
    s.until(7);
    expect(s.outcome(id)).toBe('started');
  });
});

describe('reset', () => {
  it('closes the breakers, sets rows and counts to 0, and starts what is missing by the first step through the limiter (sequence 9)', () => {
    const s = new Script({ replicas: 6, breaker: { failureThreshold: 1 }, restartLimit: { count: 4 }, storm: { count: 1 } })
      .engines(6, dies(), serves)
      .until(60);
    expect(s.view()).toMatchObject({ breaker: { state: 'open' }, crashCount: 6 });
    const id = s.reset();
    expect(s.outcome(id)).toBe('reset');
    expect(s.view()).toMatchObject({ breaker: { state: 'closed', failures: 0 }, restartCount: 0, crashCount: 6 });
    s.until(200);
    expect(s.spawns.slice(6).map(({ atS, cause }) => `${atS} ${cause}`)).toEqual([
      ...Array.from({ length: 4 }, () => '61 recovery'),
      ...Array.from({ length: 2 }, () => '121 recovery'),
    ]);
    expect(s.trace('restart.storm')).toEqual([]);
  });

  it('starts what has failed, and leaves what ended clean', () => {
    const failed = new Script({ restart: 'never' }).engine(0, dies(), serves).until(5);
    failed.reset();
    expect(failed.until(8).states()).toBe('ready');
    const clean = new Script().engine(0, dies(5, { code: 0 })).until(10);
    clean.reset();
    expect(clean.until(100).states()).toBe('stopped');
  });

  it('of a class closes its breaker and no other', () => {
    const s = new Script({ replicas: 2, breaker: { failureThreshold: 1, classes: { gpu: { failureThreshold: 1 } } } })
      .engine(0, diesOf('gpu'), serves)
      .engine(1, dies())
      .until(5);
    s.reset('gpu');
    expect(s.view().breaker.classes).toMatchObject({ gpu: { state: 'closed', failures: 0 } });
    s.until(10);
    expect(s.states()).toBe('ready backoff');
    expect(s.viewOf(1).breaker).toBe('open');
  });

  it.each(['gpu', 'constructor', '__proto__', 'toString'])('of a class without a breaker is refused: %s', (name) => {
    expect(new Script().refused({ do: 'reset', class: name, forget: false })).toMatchObject({
      code: 'invalid_request',
      message: `cannot reset the breaker ${name} of chat: no class has a breaker of its own`,
    });
  });

  it('lets go of a stuck canary and hands its role on, whatever it resets besides', () => {
    const s = new Script({
      breaker: { classes: { gpu: { failureThreshold: 9 } } },
      stop: { timeoutMs: 100 },
      startTimeoutMs: 2_000,
      readyAfterMs: 1_000,
      probes: { readiness: READINESS },
    })
      .engine(0, dies(), dies(), dies(), dies(), dies(), { ...unkillable, readyS: undefined as never }, serves)
      .until(400);
    expect(s.states()).toBe('stuck');
    s.reset('gpu', true);
    s.vanish(0).until(1_000);
    expect(s.states()).toBe('ready');
  });

  it('takes a running canary’s role away: it goes on as any other', () => {
    const s = new Script().engine(0, dies(), dies(), dies(), dies(), dies(), dies(10), serves).until(320);
    s.reset();
    s.until(400);
    expect(s.view()).toMatchObject({ state: 'running', breaker: { state: 'closed' } });
  });
});

describe('signal', () => {
  it('goes to the process, and is refused where there is none or it is no name', () => {
    const s = new Script({ replicas: 2 }).engine(1, dies(0.1)).until(0.5);
    const id = s.tell({ do: 'signal', replica: 0, signal: 'SIGUSR1' });
    expect(s.effects.at(-1)).toMatchObject({ do: 'emit' });
    expect(s.effects).toContainEqual({ do: 'signal', ref: { pool: 'chat', replica: 0, generation: 1 }, signal: 'SIGUSR1' });
    expect(s.outcome(id)).toBe('signalled');
    expect(s.refused({ do: 'signal', replica: 0, signal: 'usr1' })).toMatchObject({
      code: 'invalid_request',
      message: 'cannot signal chat/0: usr1 is no signal name like SIGUSR1',
    });
    expect(s.refused({ do: 'signal', replica: 1, signal: 'SIGUSR1' })).toMatchObject({
      code: 'conflict',
      message: 'cannot signal chat/1: it has no process',
    });
    expect(s.refused({ do: 'signal', replica: 2, signal: 'SIGUSR1' })).toMatchObject({
      code: 'engine_not_found',
      message: 'cannot signal chat/2: the pool has 2 replicas, counted from 0',
    });
  });

  it('is refused where the process cannot be proved to be ours', () => {
    const s = new Script().until(5);
    s.send({ type: 'unproven', replica: 0, generation: 1 });
    expect(s.refused({ do: 'signal', replica: 0, signal: 'SIGTERM' })).toMatchObject({ code: 'conflict' });
  });
});
