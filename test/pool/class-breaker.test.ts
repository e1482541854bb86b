import { describe, expect, it } from 'vitest';
import { dies, diesOf, notSpawned, serves } from './behaviour.ts';
import { Script } from './script.ts';

/** No wait between, nor limiter nor storm: the breakers alone are what is looked at. */
const QUICK = {
  backoff: { delayMs: 0 },
  restartLimit: { count: 1_000 },
  storm: { count: 1_000 },
};

describe('the breaker of a class', () => {
  const gpu = { ...QUICK, breaker: { classes: { gpu: { failureThreshold: 3 } } } };

  it('counts its class over the pool, and the engine’s own row the others (sequence 10)', () => {
    const s = new Script({ replicas: 2, ...gpu }).engine(0, diesOf('gpu'), dies(), diesOf('gpu'), dies(), diesOf('gpu'), serves).until(5);
    expect(s.trace('breaker')).toEqual(['1s breaker.opened chat/0 gpu 5m']);
    expect(s.view().breaker).toMatchObject({ state: 'closed', failures: 2, classes: { gpu: { state: 'open', failures: 3 } } });
    expect(s.viewOf(0)).toMatchObject({ state: 'backoff', reason: 'breaker_open', failures: 2, breaker: 'closed' });
  });

  it('gates only restarts after that class, and tries one canary of its own', () => {
    const s = new Script({ replicas: 4, ...gpu, backoff: { delayMs: 1_000 } })
      .engines(3, diesOf('gpu', 5), serves)
      .engine(3, dies(6), serves)
      .until(9);
    expect(s.states()).toBe('backoff backoff backoff ready');
    s.until(305.5);
    expect(s.states()).toBe('starting backoff backoff ready');
    s.until(400);
    expect(s.trace('breaker')).toEqual(['5s breaker.opened chat/2 gpu 5m', '305s breaker.half_opened gpu', '366s breaker.closed gpu']);
    expect(s.states()).toBe('ready ready ready ready');
    expect(s.view().breaker.classes).toMatchObject({ gpu: { failures: 0 } });
  });

  it('is open twice as long when its canary fails', () => {
    const s = new Script({ replicas: 2, ...gpu }).engine(0, diesOf('gpu')).until(950);
    expect(s.trace('breaker')).toEqual([
      '0.6s breaker.opened chat/0 gpu 5m',
      '300.6s breaker.half_opened gpu',
      '300.8s breaker.opened gpu 10m',
      '900.8s breaker.half_opened gpu',
      '901s breaker.opened gpu 20m',
    ]);
  });

  it('of a canary that dies of something else opens again too', () => {
    const s = new Script({ replicas: 2, ...gpu }).engine(0, diesOf('gpu'), diesOf('gpu'), diesOf('gpu'), dies(), serves).until(310);
    expect(s.trace('breaker').slice(-1)).toEqual(['300.8s breaker.opened gpu 10m']);
  });

  it('leaves the engine’s own breaker as it is when it closes', () => {
    const s = new Script({ replicas: 2, ...QUICK, breaker: { failureThreshold: 2, classes: { gpu: { failureThreshold: 1 } } } })
      .engine(0, dies(200), dies(), diesOf('gpu'), serves)
      .engine(1, diesOf('gpu', 50), serves)
      .until(210);
    s.retry(0);
    s.until(490);
    expect(s.trace('breaker')).toEqual([
      '50s breaker.opened chat/1 gpu 5m',
      '200.2s breaker.opened chat/0 any 5m',
      '350s breaker.half_opened gpu',
      '411s breaker.closed gpu',
    ]);
    expect(s.viewOf(0)).toMatchObject({ state: 'backoff', breaker: 'open' });
    expect(s.until(600).spawnedAt(0)).toEqual([0, 200, 210, 500.2]);
  });

  it('waits while the pool’s canary runs, without asking for the moment again and again', () => {
    const s = new Script({ replicas: 2, ...gpu, readyAfterMs: 90_000 })
      .engine(0, diesOf('gpu', 5), diesOf('gpu', 5), diesOf('gpu', 290), serves)
      .engine(1, dies(), dies(), dies(), dies(), dies(), serves)
      .until(30);
    s.retry(0);
    s.until(2_000);
    expect(s.view()).toMatchObject({ state: 'running', breaker: { state: 'closed', classes: { gpu: { state: 'closed' } } } });
  });

  it('makes the pool’s own wait for its canary, without asking for the moment again and again', () => {
    const s = new Script({
      replicas: 3,
      ...gpu,
      readyAfterMs: 100_000,
      breaker: { openForMs: 60_000, classes: { gpu: { failureThreshold: 1 } } },
      storm: { count: 1 },
    })
      .engine(0, diesOf('gpu', 5), serves)
      .engine(1, dies(70), serves)
      .until(150);
    // The class's canary runs from 65 s on, the pool's breaker opened at 70 s.
    expect(s.view().breaker).toMatchObject({ state: 'open', classes: { gpu: { state: 'half_open' } } });
    s.until(1_000);
    expect(s.view()).toMatchObject({ state: 'running', breaker: { state: 'closed', classes: { gpu: { state: 'closed' } } } });
    expect(s.spawns.filter(({ cause }) => cause === 'canary')).toMatchObject([{ replica: 0, atS: 65 }]);
  });

  it('without a canary, as its engine was stopped, is closed when nothing is missing, and asked for at no moment of its own', () => {
    const s = new Script({ replicas: 2, ...gpu, breaker: { classes: { gpu: { failureThreshold: 1 } } } })
      .engine(0, diesOf('gpu', 5), { ...serves, preflightS: 50 })
      .until(310);
    s.stop(0);
    s.until(400);
    expect(s.trace('breaker')).toEqual(['5s breaker.opened chat/0 gpu 5m', '305s breaker.half_opened gpu', '310s breaker.closed gpu']);
  });

  it('waits for a blocked engine while another waits for something else', () => {
    const s = new Script({
      replicas: 2,
      ...gpu,
      restartLimit: { count: 1, windowMs: 600_000 },
      breaker: { classes: { gpu: { failureThreshold: 1 } } },
    })
      .engine(0, diesOf('gpu', 5), notSpawned('device_busy'), serves)
      .engine(1, dies(5), dies(5), serves)
      .until(400);
    expect(s.spawnedAt(0)).toEqual([0, 305, 315]);
  });

  it('recalls a restart after its class that had not got its place when it opened', () => {
    const s = new Script({ replicas: 2, ...QUICK, breaker: { classes: { gpu: { failureThreshold: 2 } } } })
      .engine(0, diesOf('gpu', 5), { ...serves, preflightS: 3 })
      .engine(1, diesOf('gpu', 6), serves)
      .until(20);
    expect(s.spawnedAt(0)).toEqual([0]);
    expect(s.states()).toBe('backoff backoff');
  });
});

describe('a half-open one', () => {
  it('does not close because a person has just started what was missing: that has to prove itself', () => {
    const s = new Script({ breaker: { classes: { gpu: { failureThreshold: 1 } } } }).engine(0, { readyS: 3 }).until(0.2);
    const engines = s.state.engines.map((engine) => {
      const { phase } = engine;
      if (phase.is !== 'starting') throw new Error(`it is ${phase.is}`);
      return { ...engine, lastFailureClass: 'gpu', phase: { ...phase, run: { ...phase.run, cause: 'manual' as const } } };
    });
    s.state = { ...s.state, engines, classes: { gpu: { row: 1, breaker: { is: 'half_open', openForMs: 10_000 } } } };
    s.send({ type: 'tick' });
    expect(s.state.classes.gpu?.breaker.is).toBe('half_open');
    s.until(200);
    expect(s.state.classes.gpu?.breaker.is).toBe('closed');
  });
});
