/** The decided sequences of `research/sequences.md`, by their numbers: each had two plausible outcomes, this is the one. Defaults unless said. */
import { describe, expect, it } from 'vitest';
import { WORKER } from '../worker-spec.ts';
import { HOUR, MINUTE, Script, SECOND } from './script.ts';
import { httpProbe } from './specs.ts';

/** Exits with 1 at once and is never ready. */
const BROKEN = { readyAfterMs: Number.POSITIVE_INFINITY, ends: { code: 1, signal: null, afterMs: 0 } } as const;
const DAY = 24 * HOUR;

describe('back-off and engine breakers', () => {
  it('1: five replicas die at once: each backs off 1 s, no breaker opens', () => {
    const chat = new Script({ replicas: 5 }).boot().until(MINUTE).zero();
    for (let replica = 0; replica < 5; replica += 1) chat.dies(replica);
    chat.until(10 * MINUTE);
    expect(chat.startTimes()).toEqual([SECOND, SECOND, SECOND, SECOND, SECOND]);
    expect(chat.told('breaker.opened')).toEqual([]);
  });

  it('2: replica 3 of 4 fails for ever; on day 7 replica 0 dies once and is back after 1 s', () => {
    const chat = new Script({ replicas: 4 });
    chat.behaves = ({ replica }) => (replica === 3 ? BROKEN : {});
    chat
      .boot()
      .zero()
      .until(7 * DAY);
    expect(chat.engine(3).breaker).not.toBe('closed');
    chat.zero().dies(0).until(MINUTE);
    expect(chat.startTimes(0)).toEqual([SECOND]);
    expect(chat.breaker('opened')).toEqual([]);
  });

  it('13: restart never, liveness fails 3 times: killed, failed', () => {
    const liveness = httpProbe({ periodMs: 10 * SECOND, failureThreshold: 3 });
    const chat = new Script({ restart: 'never', probes: { ...WORKER.probes, liveness } })
      .boot()
      .until(SECOND)
      .zero()
      .hangs(0)
      .until(2 * MINUTE);
    expect(chat.told('engine.exited').map(({ atMs, facts }) => [atMs, facts.class, facts.failure])).toEqual([
      [30 * SECOND, 'unhealthy', true],
    ]);
    expect(chat.engine(0)).toMatchObject({ state: 'failed', reason: 'unhealthy' });
    expect(chat.status.state).toBe('failed');
    expect(chat.startTimes()).toEqual([]);
  });

  it('14: always, exit 0 after 0.2 s for ever: class error, the breaker opens', () => {
    const chat = new Script({ restart: 'always' });
    chat.behaves = () => ({ ends: { code: 0, signal: null, afterMs: 200 } });
    chat.boot().zero().until(MINUTE);
    // 1, 2, 4 and 8 s after the 200 ms that each of them lives.
    expect(chat.startTimes()).toEqual([0, 1_200, 3_400, 7_600, 15_800]);
    expect(chat.told('engine.exited').map(({ facts }) => facts.class)).toEqual(['error', 'error', 'error', 'error', 'error']);
    expect(chat.breaker('opened')).toEqual([16_000]);
  });

  it('15: liveness fails, TERM is answered with exit 0, on-failure: class unhealthy, back-off, start', () => {
    const liveness = httpProbe({ periodMs: 10 * SECOND, failureThreshold: 3 });
    const chat = new Script({ restart: 'on-failure', probes: { ...WORKER.probes, liveness } })
      .boot()
      .until(SECOND)
      .zero()
      .hangs(0)
      .until(MINUTE);
    expect(chat.engine(0).lastExit).toMatchObject({ class: 'unhealthy', code: 0 });
    expect(chat.starts()).toEqual([{ replica: 0, atMs: 31 * SECOND, cause: 'restart' }]);
    expect(chat.engine(0).state).toBe('ready');
  });
});

describe('the breaker of the pool', () => {
  it('3: 12 replicas, it closes, 11 starts follow: it stays closed, they pass the limiter and are no storm', () => {
    const chat = new Script({ replicas: 12 });
    let broken = true;
    chat.behaves = () => (broken ? BROKEN : {});
    chat.boot().until(2 * MINUTE);
    broken = false;
    const opened = chat.told('breaker.opened').findLast(({ engine }) => engine === null)?.atMs ?? Number.NaN;
    chat
      .until(opened + 300 * SECOND)
      .zero()
      .until(61 * SECOND);
    // The canary is ready after 1 s and has proved itself 60 s later.
    expect(chat.breaker('closed')).toEqual([61 * SECOND]);
    expect(chat.starts()[0]).toMatchObject({ atMs: 0, cause: 'canary' });
    expect(chat.starts().slice(1)).toEqual(
      Array.from({ length: 11 }, () => ({ replica: expect.any(Number), atMs: 61 * SECOND, cause: 'recovery' })),
    );
    chat.until(HOUR);
    expect(chat.breaker('opened')).toEqual([]);
    expect(chat.told('restart.storm')).toEqual([]);
    expect(chat.status.state).toBe('running');
    expect(chat.state.restartCount).toBe(0);
  });

  /** Five engines die together twice, so that the tenth restart at 5 s opens the breaker behind it; all are ready at 6 s. */
  const storm = (): Script => {
    const chat = new Script({ replicas: 5 }).boot().until(MINUTE).zero();
    for (const atMs of [0, 3 * SECOND]) {
      chat.until(atMs);
      for (let replica = 0; replica < 5; replica += 1) chat.dies(replica);
    }
    return chat.until(6 * SECOND);
  };

  it('4: storm, the 10th restart in 30 s is spawned, all become ready, openFor ends: nothing missing, closed, no canary', () => {
    const chat = storm();
    expect(chat.startTimes()).toEqual([1, 1, 1, 1, 1, 5, 5, 5, 5, 5].map((seconds) => seconds * SECOND));
    expect(chat.told('restart.storm').map(({ atMs, facts }) => [atMs, facts.class, facts.count])).toEqual([
      [5 * SECOND, 'error_storm', 10],
    ]);
    expect(chat.breaker('opened')).toEqual([5 * SECOND]);
    expect(chat.status.engines.every(({ ready }) => ready)).toBe(true);
    chat.until(HOUR);
    expect(chat.breaker('closed')).toEqual([305 * SECOND]);
    expect(chat.breaker('half_opened')).toEqual([]);
    expect(chat.startTimes()).toHaveLength(10);
  });

  it('5: half-open, the canary ready for 40 s, another ready engine dies: it waits as in open, the canary goes on', () => {
    const chat = storm()
      .until(100 * SECOND)
      .dies(4)
      .until(305 * SECOND);
    expect(chat.breaker('half_opened')).toEqual([305 * SECOND]);
    chat
      .until(346 * SECOND)
      .dies(0)
      .until(365 * SECOND);
    expect(chat.engine(0)).toMatchObject({ state: 'backoff', reason: 'breaker_open' });
    expect(chat.engine(4)).toMatchObject({ state: 'ready', generation: 4 });
    chat.until(366 * SECOND);
    expect(chat.starts().slice(10)).toEqual([
      { replica: 4, atMs: 305 * SECOND, cause: 'canary' },
      { replica: 0, atMs: 366 * SECOND, cause: 'recovery' },
    ]);
    expect(chat.breaker('closed')).toEqual([366 * SECOND]);
  });

  it('6: half-open, a person stops the canary: the next canary', () => {
    const chat = storm()
      .until(100 * SECOND)
      .dies(3)
      .dies(4)
      .until(310 * SECOND);
    expect(chat.does({ do: 'stop', replica: 3, now: false })).toBeNull();
    chat.until(HOUR);
    expect(chat.starts().slice(10)).toEqual([
      { replica: 3, atMs: 305 * SECOND, cause: 'canary' },
      { replica: 4, atMs: 310 * SECOND, cause: 'canary' },
    ]);
    expect(chat.breaker('closed')).toEqual([371 * SECOND]);
    expect(chat.engine(3)).toMatchObject({ state: 'stopped', reason: 'stopped_by_hand' });
  });

  /** One engine that has failed five times: its breaker, which is the pool's too, opens at zero. */
  const opened = (): { readonly chat: Script; readonly mend: () => void } => {
    const chat = new Script({});
    let broken = true;
    chat.behaves = () => (broken ? BROKEN : {});
    chat
      .boot()
      .zero()
      .until(15 * SECOND)
      .zero();
    expect(chat.breaker('opened')).toEqual([0]);
    return {
      chat,
      mend: () => {
        broken = false;
      },
    };
  };

  it('7: open until 300 s, retry at 10 s, stable 60 s: closed at about 70 s', () => {
    const { chat, mend } = opened();
    mend();
    chat.until(10 * SECOND);
    expect(chat.does({ do: 'retry', replica: null })).toBeNull();
    chat.until(HOUR);
    expect(chat.starts()).toEqual([
      { replica: 0, atMs: 0, cause: 'restart' },
      { replica: 0, atMs: 10 * SECOND, cause: 'retry' },
    ]);
    expect(chat.breaker('closed')).toEqual([71 * SECOND]);
    expect(chat.engine(0)).toMatchObject({ state: 'ready', breaker: 'closed', failures: 0 });
  });

  it('8: open, retry fails: the row rises by one, openUntil is as before', () => {
    const { chat } = opened();
    const before = chat.status.breaker;
    expect(before).toMatchObject({ state: 'open', failures: 5 });
    chat.until(10 * SECOND);
    chat.does({ do: 'retry', replica: null });
    chat.until(20 * SECOND);
    expect(chat.status.breaker).toEqual({ ...before, failures: 6 });
    expect(chat.breaker('opened')).toEqual([0]);
  });

  it('9: reset with 6 engines whose breakers are open: six starts after the first back-off step, through the limiter', () => {
    const resetAt = (count: number | null): Script => {
      const chat = new Script({ replicas: 6, restartLimit: { ...WORKER.restartLimit, count }, storm: { count: 100, windowMs: SECOND } });
      let broken = true;
      chat.behaves = () => (broken ? BROKEN : {});
      chat.boot().until(HOUR);
      expect(chat.status.engines.every(({ breaker }) => breaker !== 'closed')).toBe(true);
      broken = false;
      chat
        .until(HOUR + 10 * MINUTE)
        .zero()
        .does({ do: 'reset', class: null, forget: false });
      return chat.until(HOUR);
    };
    expect(resetAt(null).startTimes()).toEqual([1, 1, 1, 1, 1, 1].map((seconds) => seconds * SECOND));
    expect(resetAt(4).startTimes()).toEqual([1, 1, 1, 1, 61, 61].map((seconds) => seconds * SECOND));
  });

  it('10: gpu, error, gpu, error, gpu with gpu threshold 3: the gpu breaker opens at the third, the row counts the errors', () => {
    const chat = new Script({ breaker: { ...WORKER.breaker, classes: { gpu: { failureThreshold: 3 } } } });
    chat.behaves = ({ generation }) => ({ ...BROKEN, patternClass: generation % 2 === 1 ? 'gpu' : null });
    chat.boot().zero().until(MINUTE);
    expect(chat.told('engine.exited').map(({ facts }) => facts.class)).toEqual(['gpu', 'error', 'gpu', 'error', 'gpu']);
    expect(chat.told('breaker.opened').map(({ atMs, facts }) => [atMs, facts.class])).toEqual([[15 * SECOND, 'gpu']]);
    expect(chat.status.breaker).toMatchObject({ state: 'closed', failures: 2, classes: { gpu: { state: 'open', failures: 3 } } });
    expect(chat.engine(0)).toMatchObject({ failures: 2, breaker: 'closed', reason: 'breaker_open' });
  });
});

describe('the limiter', () => {
  it('11: {10, 1h, resetAfter 600s}, ten restarts, 600 s stable, a death: waits for the window, only the shown count is 0', () => {
    const restartLimit = { count: 10, windowMs: HOUR, resetAfterMs: 600 * SECOND };
    const chat = new Script({ restartLimit, backoff: { ...WORKER.backoff, resetAfterMs: MINUTE } })
      .boot()
      .until(2 * MINUTE)
      .zero();
    for (let death = 0; death < 10; death += 1) chat.until(death * 100 * SECOND).dies(0);
    chat.until(1_501 * SECOND);
    expect(chat.status.restartCount).toBe(10);
    // Ready since 902 s.
    chat.until(1_502 * SECOND);
    expect(chat.status.restartCount).toBe(0);
    chat
      .until(1_510 * SECOND)
      .dies(0)
      .until(2_000 * SECOND);
    expect(chat.engine(0)).toMatchObject({ state: 'backoff', reason: 'restart_limit' });
    chat.until(2 * HOUR);
    expect(chat.startTimes()).toEqual([...Array.from({ length: 10 }, (_, death) => (death * 100 + 1) * SECOND), HOUR + SECOND]);
  });

  it("12: full until 40 s; engine A due at 10 s, engine B's own breaker lets its one try go at 12 s: B at 12 s, A at 40 s", () => {
    const chat = new Script({
      replicas: 3,
      breaker: { ...WORKER.breaker, failureThreshold: 2, openForMs: 100 * SECOND },
      restartLimit: { count: 1, windowMs: 40 * SECOND, resetAfterMs: 600 * SECOND },
    });
    let broken = false;
    chat.behaves = ({ replica }) => (replica === 1 && broken ? BROKEN : {});
    chat
      .boot()
      .until(2 * MINUTE)
      .zero();
    broken = true;
    // B dies, is restarted at 1 s and dies again: its breaker is open until 101 s. C is restarted at 89 s: that is the new zero.
    chat.dies(1).until(50 * SECOND);
    broken = false;
    chat
      .until(88 * SECOND)
      .dies(2)
      .until(89 * SECOND)
      .zero();
    chat
      .until(9 * SECOND)
      .dies(0)
      .until(10 * SECOND);
    expect(chat.engine(0)).toMatchObject({ state: 'backoff', reason: 'restart_limit' });
    chat.until(2 * MINUTE);
    expect(chat.starts()).toEqual([
      { replica: 2, atMs: 0, cause: 'restart' },
      { replica: 1, atMs: 12 * SECOND, cause: 'trial' },
      { replica: 0, atMs: 40 * SECOND, cause: 'restart' },
    ]);
  });
});

describe('what outlives the daemon', () => {
  it('25: scale 5, the file says 2, the daemon restarts: 5, shown as an override', () => {
    const chat = new Script({ replicas: 2 }).boot().until(MINUTE);
    expect(chat.does({ do: 'scale', replicas: 5 })).toBeNull();
    chat
      .until(2 * MINUTE)
      .daemonDies()
      .until(3 * MINUTE)
      .boot()
      .until(4 * MINUTE);
    expect(chat.status).toMatchObject({ replicas: 5, state: 'running' });
    expect(chat.status.overrides).toEqual([
      { key: 'replicas', value: 5, fileValue: 2, by: 'ops@tty1', at: expect.any(String), reason: null },
    ]);
    expect(chat.status.engines.map(({ generation }) => generation)).toEqual([1, 1, 1, 1, 1]);
  });

  it('26: stop chat, reboot: stopped, shown with who, when and why', () => {
    const chat = new Script({ replicas: 2 }).boot().until(MINUTE);
    expect(chat.does({ do: 'stop', replica: null, now: false })).toBeNull();
    const at = new Date(chat.world.ground.wallMs).toISOString();
    chat
      .until(2 * MINUTE)
      .reboots()
      .until(10 * MINUTE);
    expect(chat.startTimes()).toEqual([]);
    expect(chat.status).toMatchObject({
      state: 'stopped',
      reason: 'stopped_by_hand',
      overrides: [{ key: 'wanted', value: 'stopped', by: 'ops@tty1', at }],
    });
    expect(chat.status.message).toContain('ops@tty1');
  });
});

describe('three that no peer gets right', () => {
  it('a stop during a restart: the stop wins, whatever the restart is at', () => {
    for (const stopAtMs of [0, 500, 2_000, 2_001, 2_500, 3_000, 3_500]) {
      const chat = new Script({ replicas: 2 });
      chat.behaves = () => ({ onTerm: { code: 0, signal: null, afterMs: 2 * SECOND } });
      chat.boot().until(MINUTE).zero();
      chat.does({ do: 'restart', replica: null, now: true });
      chat.until(stopAtMs);
      expect(chat.does({ do: 'stop', replica: null, now: false })).toBeNull();
      const begun = chat.startTimes().length;
      chat.until(HOUR);
      expect(chat.startTimes()).toHaveLength(begun);
      expect(chat.status).toMatchObject({ state: 'stopped', reason: 'stopped_by_hand' });
      expect(chat.told('operation.finished').map(({ facts }) => [facts.kind, facts.state])).toEqual([
        ['restart', 'cancelled'],
        ['stop', 'succeeded'],
      ]);
    }
  });

  it('an exec failure at a restart takes the path of a crash', () => {
    const chat = new Script({}).boot().until(MINUTE).zero();
    chat.spawnFails = () => ({ class: 'spawn_failed', message: 'cannot start /opt/engine: ENOENT' });
    chat.dies(0).until(MINUTE);
    expect(chat.startTimes()).toEqual([1, 3, 7, 15].map((seconds) => seconds * SECOND));
    expect(chat.told('engine.exited').map(({ facts }) => [facts.class, facts.failure])).toEqual([
      ['error', true],
      ['spawn_failed', true],
      ['spawn_failed', true],
      ['spawn_failed', true],
      ['spawn_failed', true],
    ]);
    expect(chat.breaker('opened')).toEqual([15 * SECOND]);
    expect(chat.status).toMatchObject({ state: 'failed', crashCount: 5 });
    expect(chat.world.daemon?.gate).toMatchObject({ waiting: [], spawning: [], loading: [] });
  });

  it('a ready that arrives for an older generation is dropped', () => {
    const readiness = httpProbe({ periodMs: SECOND });
    const chat = new Script({ probes: { ...WORKER.probes, readiness } });
    chat.behaves = ({ generation }) => ({ readyAfterMs: generation === 1 ? 0 : 30 * SECOND });
    chat
      .boot()
      .until(MINUTE)
      .zero()
      .dies(0)
      .until(5 * SECOND);
    expect(chat.engine(0)).toMatchObject({ generation: 2, state: 'starting' });
    chat.sends({ type: 'probed', replica: 0, generation: 1, result: { kind: 'readiness', ok: true, message: '200 ok' } });
    expect(chat.engine(0)).toMatchObject({ generation: 2, state: 'starting', ready: false });
    chat.until(MINUTE);
    expect(chat.told('engine.ready').map(({ atMs }) => atMs)).toEqual([31 * SECOND]);
  });
});
