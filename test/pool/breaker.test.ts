import { describe, expect, it } from 'vitest';
import { dies, notSpawned, serves } from './behaviour.ts';
import { Script } from './script.ts';

/** No wait between, nor limiter nor storm: the breakers alone are what is looked at. */
const QUICK = {
  backoff: { delayMs: 0 },
  restartLimit: { count: 1_000 },
  storm: { count: 1_000 },
};

describe('the breaker of one engine', () => {
  it('opens after five failures in a row, lets one try go after 300 s, and is open twice as long when that fails', () => {
    const s = new Script({ replicas: 2, ...QUICK }).engine(0, dies()).until(8_000);
    expect(s.trace('breaker')).toEqual([
      '1s breaker.opened chat/0 any 5m',
      '301s breaker.half_opened chat/0 any',
      '301.2s breaker.opened chat/0 any 10m',
      '901.2s breaker.half_opened chat/0 any',
      '901.4s breaker.opened chat/0 any 20m',
      '2101.4s breaker.half_opened chat/0 any',
      '2101.6s breaker.opened chat/0 any 40m',
      '4501.6s breaker.half_opened chat/0 any',
      '4501.8s breaker.opened chat/0 any 1h',
    ]);
    expect(s.spawnedAt(0)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 301, 901.2, 2_101.4, 4_501.6]);
    expect(s.view()).toMatchObject({ state: 'degraded', breaker: { state: 'closed', failures: 9 } });
  });

  it('is closed by a try that stays ready for successAfter, and the row begins anew', () => {
    const s = new Script({ replicas: 2, ...QUICK }).engine(0, dies(), dies(), dies(), dies(), dies(), serves).until(361.9);
    expect(s.viewOf(0)).toMatchObject({ state: 'ready', breaker: 'half_open', failures: 5 });
    s.until(362);
    expect(s.viewOf(0)).toMatchObject({ breaker: 'closed', failures: 0 });
    expect(s.spawns.at(-1)).toMatchObject({ cause: 'trial' });
    expect(s.view()).toMatchObject({ restartCount: 4 });
  });

  it('keeps its threshold from the config, and counts failures of the row only', () => {
    const s = new Script({ replicas: 2, breaker: { failureThreshold: 2, successAfterMs: 5_000 }, ...QUICK })
      .engine(0, dies(), dies(7), dies(), dies(), serves)
      .until(8);
    // The second was ready for 6 s: a success between two failures.
    expect(s.trace('breaker')).toEqual(['7.4s breaker.opened chat/0 any 5m']);
  });

  it('never delays another engine', () => {
    const s = new Script({ replicas: 2, ...QUICK }).engine(0, dies()).engine(1, serves, serves).until(50).crash(1).until(52);
    expect(s.spawnedAt(1)).toEqual([0, 50]);
  });

  it('forgets how long it was open after 600 s closed, and not before', () => {
    const openFor = (goodS: number): unknown[] => {
      const s = new Script({ replicas: 2, ...QUICK })
        .engine(0, dies(), dies(), dies(), dies(), dies(), dies(), dies(goodS), dies())
        .until(4_000);
      return s.happenings.filter(({ type }) => type === 'breaker.opened').map(({ facts }) => facts.openForMs);
    };
    // Ready after 1 s, closed after 60 more, then four more failures.
    expect(openFor(1 + 60 + 590).slice(0, 4)).toEqual([300_000, 600_000, 600_000, 1_200_000]);
    expect(openFor(1 + 60 + 600).slice(0, 4)).toEqual([300_000, 600_000, 300_000, 600_000]);
  });

  it('with a blocked try asks again for the try: it neither fails nor succeeds', () => {
    const s = new Script({ replicas: 2, ...QUICK, engine: { port: [1, 2] } })
      .engine(0, dies(), dies(), dies(), dies(), dies(), notSpawned('port_busy'), serves)
      .until(400);
    expect(s.spawnedAt(0).slice(5)).toEqual([301, 311]);
    expect(s.trace('breaker')).toEqual([
      '1s breaker.opened chat/0 any 5m',
      '301s breaker.half_opened chat/0 any',
      '372s breaker.closed chat/0 any',
    ]);
  });

  it('of an engine under always counts exit 0 before ready as an error (sequence 14)', () => {
    const s = new Script({ restart: 'always' }).engine(0, dies(0.2, { code: 0 })).until(100);
    expect(s.history.every(({ class: klass, failure }) => klass === 'error' && failure)).toBe(true);
    expect(s.view()).toMatchObject({ state: 'failed', reason: 'breaker_open', breaker: { state: 'open' } });
  });
});

describe('the breaker of the pool', () => {
  it('with one replica is the same as its engine’s', () => {
    const s = new Script(QUICK).engine(0, dies(), dies(), dies(), dies(), dies(), dies(), serves).until(2_000);
    expect(s.trace('breaker')).toEqual([
      '1s breaker.opened chat/0 any 5m',
      '1s breaker.opened any 5m',
      '301s breaker.half_opened any',
      '301.2s breaker.opened chat/0 any 10m',
      '301.2s breaker.opened any 10m',
      '901.2s breaker.half_opened any',
      '962.2s breaker.closed chat/0 any',
      '962.2s breaker.closed any',
    ]);
    expect(s.spawns.slice(5).map(({ cause }) => cause)).toEqual(['canary', 'canary']);
    expect(s.view()).toMatchObject({ state: 'running', reason: null, breaker: { state: 'closed', failures: 0 } });
  });

  /** Three engines whose breakers open at 1 s, 1 s and 2 s; the third has the same failures and the others the lower numbers. */
  const allOpen = (): Script => new Script({ replicas: 3, ...QUICK }).engine(0, dies()).engine(1, dies()).engine(2, dies(0.4));

  it('opens when all its engines’ are open, tries one canary, and only its end decides', () => {
    const s = allOpen().until(310);
    expect(s.trace('breaker')).toEqual([
      '1s breaker.opened chat/0 any 5m',
      '1s breaker.opened chat/1 any 5m',
      '2s breaker.opened chat/2 any 5m',
      '2s breaker.opened any 5m',
      '302s breaker.half_opened any',
      '302.2s breaker.opened chat/0 any 10m',
      '302.2s breaker.opened any 10m',
    ]);
    expect(s.spawns.filter(({ atS }) => atS > 3)).toMatchObject([{ replica: 0, cause: 'canary' }]);
    expect(s.view()).toMatchObject({ state: 'failed', reason: 'breaker_open' });
  });

  it('takes the missing engine with the fewest failures, then the lowest replica', () => {
    const s = new Script({ replicas: 3, breaker: { failureThreshold: 2 }, ...QUICK })
      .engine(0, dies(), dies(), dies())
      .engine(1, dies())
      .engine(2, dies())
      .until(5);
    s.retry(0);
    s.until(400);
    expect(s.spawns.filter(({ cause }) => cause === 'canary')[0]).toMatchObject({ replica: 1 });
  });

  it('is closed by a canary that succeeds; the others follow through the limiter and towards no storm (sequence 3)', () => {
    const s = new Script({
      replicas: 12,
      restartLimit: { count: 4, windowMs: 60_000, resetAfterMs: 600_000 },
      storm: { count: 2, windowMs: 1_000_000 },
      breaker: { failureThreshold: 1 },
    })
      .engines(12, dies(), serves)
      .until(0.3);
    expect(s.view().breaker.state).toBe('open');
    s.trace();
    s.until(2_000);
    expect(s.trace('breaker.opened', 'restart.storm')).toEqual([]);
    expect(s.spawns.slice(12).map(({ atS, cause }) => `${atS} ${cause}`)).toEqual([
      '300.2 canary',
      ...Array.from({ length: 4 }, () => '361.2 recovery'),
      ...Array.from({ length: 4 }, () => '421.2 recovery'),
      ...Array.from({ length: 3 }, () => '481.2 recovery'),
    ]);
    expect(s.view()).toMatchObject({ state: 'running', breaker: { state: 'closed' } });
  });

  it('lets the canary go on when another ready engine dies; that one waits (sequence 5)', () => {
    const s = new Script({ replicas: 2, storm: { count: 2, windowMs: 30_000 } }).engine(0, dies(5), dies(5), serves).until(20);
    expect(s.trace('restart.storm', 'breaker')).toEqual(['13s restart.storm error_storm 2', '13s breaker.opened any 5m']);
    // All became ready again before the end: what is missing is made so by hand.
    s.until(290).crash(0).until(353);
    expect(s.viewOf(0)).toMatchObject({ state: 'ready' });
    expect(s.view().breaker.state).toBe('half_open');
    s.crash(1).until(370);
    expect(s.viewOf(1)).toMatchObject({ state: 'backoff', reason: 'breaker_open', nextStartAt: null });
    s.until(400);
    expect(s.view().breaker.state).toBe('closed');
    expect(s.spawns.at(-1)).toMatchObject({ replica: 1, cause: 'recovery', atS: 374 });
  });

  it('hands the role on when a person stops the canary (sequence 6)', () => {
    const s = allOpen().engine(0, dies(), dies(), dies(), dies(), dies(), serves).until(310);
    expect(s.viewOf(0).state).toBe('ready');
    s.stop(0);
    s.until(311);
    expect(s.spawns.slice(-2)).toMatchObject([
      { replica: 0, cause: 'canary', atS: 302 },
      { replica: 1, cause: 'canary', atS: 310.1 },
    ]);
  });

  it('hands the role on when the canary is blocked, and takes it back into the row', () => {
    const s = allOpen()
      .engine(0, dies(), dies(), dies(), dies(), dies(), notSpawned('device_busy'), serves)
      .engine(1, dies(), dies(), dies(), dies(), dies(), notSpawned('device_busy'), serves)
      .engine(2, dies(0.4), dies(0.4), dies(0.4), dies(0.4), dies(0.4), notSpawned('device_busy'), serves)
      .until(400);
    expect(s.spawns.slice(15, 19)).toMatchObject([
      { replica: 0, atS: 302 },
      { replica: 1, atS: 302 },
      { replica: 2, atS: 302 },
      { replica: 0, atS: 312, cause: 'canary' },
    ]);
    expect(s.view().breaker.state).toBe('closed');
  });

  it('closes without a canary when nothing is missing at the end (sequence 4)', () => {
    const s = new Script({ replicas: 10, storm: { count: 10 } }).engines(10, dies(5), serves).until(6);
    expect(s.trace('restart.storm', 'breaker')).toEqual(['6s restart.storm error_storm 10', '6s breaker.opened any 5m']);
    s.until(305.9);
    expect(s.view()).toMatchObject({ state: 'running', reason: 'breaker_open' });
    expect(s.until(400).trace('breaker')).toEqual(['306s breaker.closed any']);
    expect(s.spawns).toHaveLength(20);
  });

  it('is closed by an engine that a person’s retry started, once it has succeeded (sequence 7)', () => {
    const s = new Script(QUICK).engine(0, dies(), dies(), dies(), dies(), dies(), serves).until(10);
    const id = s.retry();
    s.until(72);
    expect(s.outcome(id)).toBe('started');
    expect(s.trace('breaker.closed')).toEqual(['71s breaker.closed chat/0 any', '71s breaker.closed any']);
  });

  it('is as it was after a retry that fails, but for the row (sequence 8)', () => {
    const s = new Script(QUICK).engine(0, dies()).until(10);
    const { openUntil } = s.view().breaker;
    const id = s.retry(0);
    s.until(20);
    expect(s.view().breaker).toMatchObject({ state: 'open', openUntil, failures: 6 });
    expect(s.operation(id)).toMatchObject({ state: 'failed', error: { code: 'spawn_failed' } });
    expect(s.operation(id).error?.message).toMatch(/^cannot retry chat\/0: ended with exit code 1 before it was ready/);
  });

  it('is half open when its time ends while a retried engine is on its way to its proof, and that closes it', () => {
    const s = new Script(QUICK).engine(0, dies(), dies(), dies(), dies(), dies(), serves).until(280);
    s.retry();
    s.until(320).send({ type: 'tick' }).until(600);
    expect(s.trace('breaker').slice(2)).toEqual([
      '301s breaker.half_opened any',
      '341s breaker.closed chat/0 any',
      '341s breaker.closed any',
    ]);
  });

  it('stays closed after its time although an engine that has failed is open for longer: nothing is missing', () => {
    const s = new Script({ restart: 'never', breaker: { failureThreshold: 1, openForMs: 10_000 } }).engine(0, dies()).until(2);
    expect(s.view().breaker.state).toBe('open');
    const longer = { is: 'open', sinceMs: 200, untilMs: 60_000, openForMs: 20_000 } as const;
    s.state = { ...s.state, engines: s.state.engines.map((engine) => ({ ...engine, breaker: longer })) };
    s.until(15);
    expect(s.view().breaker.state).toBe('closed');
    s.send({ type: 'tick' });
    expect(s.view().breaker.state).toBe('closed');
  });

  it('counts failed engines as open', () => {
    const s = new Script({ replicas: 2, restart: 'never', breaker: { failureThreshold: 2 } }).engine(0, dies()).engine(1, dies()).until(1);
    expect(s.view()).toMatchObject({ state: 'failed', breaker: { state: 'closed' } });
    s.start(0);
    s.until(2);
    expect(s.view().breaker.state).toBe('open');
  });

  it('keeps a new replica waiting that is asked for while it is open, and tries that first', () => {
    const s = new Script(QUICK).engine(0, dies()).until(10);
    s.scale(2);
    expect(s.until(100).viewOf(1)).toMatchObject({ state: 'backoff', reason: 'breaker_open', generation: 0 });
    s.until(301.5);
    expect(s.spawns.at(-1)).toMatchObject({ replica: 1, cause: 'canary' });
  });

  it('takes an automatic start back that had not got its place when it opened', () => {
    const s = new Script({ replicas: 2, storm: { count: 1, windowMs: 30_000 } })
      .engine(0, dies(), serves)
      .engine(1, dies(), { ...serves, preflightS: 3 })
      .until(10);
    expect(s.trace('breaker')).toEqual(['1.2s breaker.opened any 5m']);
    expect(s.spawnedAt(1)).toEqual([0]);
    expect(s.viewOf(1)).toMatchObject({ state: 'backoff', reason: 'breaker_open' });
    expect(s.places).toBe(0);
    // What was announced as starting is announced as waiting again.
    expect(s.happenings.filter(({ engine, type }) => engine === 'chat/1' && type === 'engine.backoff')).toHaveLength(2);
  });
});

describe('breakers and the daemon’s own end', () => {
  it('stand as they were after a restart of the daemon, canary and all', () => {
    const s = new Script(QUICK).engine(0, dies(), dies(), dies(), dies(), dies(), serves).until(100).daemonDies().until(200).daemonStarts();
    expect(s.view()).toMatchObject({ state: 'failed', breaker: { state: 'open', failures: 5 }, crashCount: 5, restartCount: 4 });
    s.until(320).daemonDies().until(330).daemonStarts();
    expect(s.view().breaker.state).toBe('half_open');
    s.until(363);
    expect(s.view()).toMatchObject({ state: 'running', breaker: { state: 'closed' } });
  });

  it('are tried at once in the next boot, with back-off over and rows kept', () => {
    const s = new Script(QUICK).engine(0, dies(), dies(), dies(), dies(), dies(), dies(), serves).until(100).reboots();
    expect(s.view().breaker).toMatchObject({ state: 'half_open', failures: 5 });
    expect(s.until(100).spawns.at(-1)).toMatchObject({ atS: 100, cause: 'canary' });
    s.until(110);
    expect(s.view().breaker).toMatchObject({ state: 'open', failures: 6 });
    expect(s.happenings.findLast(({ type }) => type === 'breaker.opened')?.facts).toMatchObject({ openForMs: 600_000 });
  });

  it('give the canary’s role back when the daemon dies before it was spawned', () => {
    const s = new Script(QUICK)
      .engine(0, dies(), dies(), dies(), dies(), dies(), { ...serves, preflightS: 10 }, serves)
      .until(305)
      .daemonDies()
      .until(306)
      .daemonStarts()
      .until(400);
    expect(s.spawns.slice(5)).toMatchObject([{ atS: 306, cause: 'canary' }]);
    expect(s.view().breaker.state).toBe('closed');
  });
});
