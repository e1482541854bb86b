import { describe, expect, it } from 'vitest';
import { dies, diesOf, notSpawned, serves } from './behaviour.ts';
import { Script } from './script.ts';

const OFF = { count: 10_000, windowMs: 30_000 };

describe('the limiter', () => {
  it('lets count restarts go in any window; the others wait their turn in order of due time', () => {
    const s = new Script({ replicas: 5, restartLimit: { count: 2, windowMs: 60_000 } })
      .engine(0, dies(10.4), serves)
      .engine(1, dies(10.3), serves)
      .engine(2, dies(10.2), serves)
      .engine(3, dies(10.1), serves)
      .engine(4, dies(10), serves)
      .until(200);
    expect(s.spawns.slice(5).map(({ atS, replica }) => [atS, replica])).toEqual([
      [11, 4],
      [11.1, 3],
      [71, 2],
      [71.1, 1],
      [131, 0],
    ]);
  });

  it('gives two that are due at once their places by replica', () => {
    const s = new Script({ replicas: 3, restartLimit: { count: 1, windowMs: 10_000 } }).engines(3, dies(5), serves).until(100);
    expect(s.spawns.slice(3).map(({ atS, replica }) => [atS, replica])).toEqual([
      [6, 0],
      [16, 1],
      [26, 2],
    ]);
  });

  it('is a sliding window and no tumbling one', () => {
    const s = new Script({ restartLimit: { count: 3, windowMs: 60_000 }, backoff: { factor: 1 }, breaker: { failureThreshold: 1_000 } })
      .engine(0, dies(0))
      .until(200);
    const restarts = s.spawnedAt(0).slice(1);
    for (const from of restarts) expect(restarts.filter((atS) => atS >= from && atS < from + 60).length).toBeLessThanOrEqual(3);
    expect(restarts).toEqual([1, 2, 3, 61, 62, 63, 121, 122, 123, 181, 182, 183]);
  });

  it('counts when the spawn begins, so that those on their way have their places', () => {
    const slow = { ...serves, preflightS: 20 };
    const s = new Script({ replicas: 3, restartLimit: { count: 2, windowMs: 60_000 } }).engines(3, dies(5), slow).until(200);
    expect(s.spawns.slice(3).map(({ atS, replica }) => [atS, replica])).toEqual([
      [26, 0],
      [26, 1],
      [106, 2],
    ]);
  });

  it('counts neither first starts, nor a person’s, nor tries', () => {
    const s = new Script({ replicas: 12, restartLimit: { count: 1, windowMs: 60_000 } }).until(5);
    s.restart();
    s.until(60);
    s.stop();
    s.until(61);
    s.start();
    s.until(70);
    expect(s.spawns).toHaveLength(36);
    expect(s.view().restartCount).toBe(0);
  });

  it.each([
    ['the daemon lacks what a start needs', (s: Script) => s.until(12)],
    ['the daemon dies', (s: Script) => s.daemonDies().daemonStarts()],
  ])('counts the start after a try that came to nothing when a reset had closed its breaker: %s', (_how, ended) => {
    const s = new Script({ replicas: 2, breaker: { failureThreshold: 1, openForMs: 10_000 } })
      .engine(0, dies(0), { ...notSpawned('starved'), spawnS: 1 }, serves)
      .until(10.5);
    expect(s.causeOf({ replica: 0, generation: 2 })).toBe('trial');
    s.reset();
    expect(s.view().restartCount).toBe(0);
    ended(s);
    s.until(20);
    expect(s.spawns.at(-1)).toMatchObject({ replica: 0, cause: 'recovery' });
    expect(s.view().restartCount).toBe(1);
  });

  it('is passed by the one try of an engine’s breaker while a restart waits for it (sequence 12)', () => {
    const s = new Script({ replicas: 3, restartLimit: { count: 2, windowMs: 34_000 }, breaker: { failureThreshold: 1, openForMs: 11_800 } })
      .engine(0, serves, serves)
      .engine(1, dies(0.2), serves)
      .engine(2, serves)
      .until(5);
    s.state = { ...s.state, restarts: [5_900, 6_000] };
    s.until(9).crash(0).until(100);
    // Engine 0 opened its own breaker with that failure, and its try is no restart either.
    expect(s.spawnedAt(1)).toEqual([0, 12]);
    expect(s.spawns.filter(({ replica }) => replica === 0).at(-1)).toMatchObject({ cause: 'trial' });
  });

  it('makes a restart wait that is due while it is full, and lets the try of another pass', () => {
    const s = new Script({ replicas: 3, restartLimit: { count: 2, windowMs: 34_000 }, breaker: { openForMs: 12_000 } })
      .engine(0, serves, serves)
      .engine(1, serves)
      .until(5);
    s.state = { ...s.state, restarts: [5_900, 6_000] };
    s.until(9).crash(0).until(100);
    expect(s.spawnedAt(0)).toEqual([0, 39.9]);
  });

  it('is not emptied by the shown count’s return to 0 (sequence 11), nor by reset', () => {
    const s = new Script({
      restartLimit: { count: 10, windowMs: 3_600_000, resetAfterMs: 600_000 },
      storm: OFF,
      breaker: { failureThreshold: 1_000 },
      backoff: { factor: 1 },
    })
      .engine(0, ...Array.from({ length: 10 }, () => dies(5)), serves)
      .until(100);
    expect(s.view().restartCount).toBe(10);
    s.until(800);
    expect(s.view().restartCount).toBe(0);
    s.crash(0).until(3_000);
    s.reset();
    expect(s.until(3_500).viewOf(0)).toMatchObject({ state: 'backoff', reason: 'restart_limit' });
    // The first restart was at 6 s.
    expect(s.until(3_700).spawnedAt(0).slice(11)).toEqual([3_606]);
  });

  it('warns once at half and once at the limit, and again after each fall below', () => {
    const s = new Script({
      restartLimit: { count: 4, windowMs: 60_000 },
      storm: OFF,
      breaker: { failureThreshold: 1_000 },
      backoff: { factor: 1 },
    })
      .engine(0, ...Array.from({ length: 9 }, () => dies(0)), serves)
      .until(500);
    // At the limit each restart waits until the window has one fewer, and crosses it anew.
    expect(s.trace('restart')).toEqual([
      '2s restart.limited half 2',
      '4s restart.limited limit 4',
      '61s restart.limited limit 4',
      '62s restart.limited limit 4',
      '63s restart.limited limit 4',
      '64s restart.limited limit 4',
      '121s restart.limited limit 4',
    ]);
    s.crash(0).until(503).crash(0).until(700);
    expect(s.trace('restart')).toEqual(['504s restart.limited half 2']);
    expect(s.happenings.find(({ type }) => type === 'restart.limited')?.facts).toEqual({
      level: 'half',
      count: 2,
      limit: 4,
      windowMs: 60_000,
    });
  });

  it('follows a scale where the file gives no count', () => {
    const s = new Script({ replicas: 8 }).until(5);
    const says = (): string | undefined => s.view().message ?? undefined;
    expect(says()).toBeUndefined();
    s.scale(20);
    s.until(10);
    for (let replica = 0; replica < 20; replica += 1) s.crash(replica);
    s.until(12);
    expect(s.spawns).toHaveLength(40);
    expect(s.trace('restart.limited')).toEqual(['11s restart.limited half 20']);
  });

  it('holds its places over a restart of the daemon', () => {
    const s = new Script({ restartLimit: { count: 1, windowMs: 60_000 } })
      .engine(0, dies(5), dies(5), serves)
      .until(20)
      .daemonDies()
      .until(30)
      .daemonStarts()
      .until(200);
    expect(s.spawnedAt(0)).toEqual([0, 6, 66]);
  });

  it('counts a restart once whose spawn was lost with the daemon, and one that had not come to it later', () => {
    const slow = { ...serves, preflightS: 10 };
    const s = new Script({ restartLimit: { count: 1, windowMs: 60_000 } })
      .engine(0, dies(5), slow, dies(5), serves)
      .until(8)
      .daemonDies()
      .until(9)
      .daemonStarts()
      .until(200);
    expect(s.view().restartCount).toBe(2);
    expect(s.spawns.map(({ atS, cause }) => `${atS} ${cause}`)).toEqual(['0 first', '9 restart', '69 restart']);
  });
});

describe('a storm', () => {
  it('opens the pool’s breaker behind the last restart: counted, named by the class of at least half, with a hint', () => {
    const s = new Script({ replicas: 4, storm: { count: 4, windowMs: 30_000 } })
      .engines(2, dies(5, { oom: true }), serves)
      .engine(2, dies(5), serves)
      .engine(3, diesOf('gpu', 5), serves)
      .until(300);
    expect(s.happenings.find(({ type }) => type === 'restart.storm')).toMatchObject({
      atS: 6,
      pool: 'chat',
      facts: { class: 'oom_storm', count: 4, windowMs: 30_000, hint: expect.stringContaining('limits.memory') },
    });
    expect(s.spawns).toHaveLength(8);
    expect(s.view()).toMatchObject({ state: 'running', breaker: { state: 'open' } });
  });

  it('of many classes is mixed', () => {
    const s = new Script({ replicas: 3, storm: { count: 3, windowMs: 30_000 } })
      .engine(0, dies(5), serves)
      .engine(1, diesOf('gpu', 5), serves)
      .engine(2, dies(5, { oom: true }), serves)
      .until(10);
    expect(s.trace('restart.storm')).toEqual(['6s restart.storm mixed_storm 3']);
  });

  it('needs its restarts within its window', () => {
    const s = new Script({ storm: { count: 3, windowMs: 30_000 }, breaker: { failureThreshold: 1_000 } })
      .engine(0, dies(14), dies(13), dies(12), dies(12), serves)
      .until(200);
    // Restarts at 15, 30, 46, 66 s: no three within 30 s but the first.
    expect(s.spawnedAt(0)).toEqual([0, 15, 30, 46, 66]);
    expect(s.trace('restart.storm')).toEqual([]);
  });

  it('is left out by a retry, and its breaker is passed by one', () => {
    const s = new Script({ replicas: 2, storm: { count: 2, windowMs: 60_000 } }).engine(0, dies(5), dies(5), dies(5)).until(30);
    expect(s.trace('restart.storm')).toEqual(['13s restart.storm error_storm 2']);
    expect(s.viewOf(0)).toMatchObject({ state: 'backoff', reason: 'breaker_open' });
    const before = s.view().restartCount;
    s.retry(0);
    s.until(31);
    expect(s.spawns.at(-1)).toMatchObject({ atS: 30, cause: 'retry' });
    expect(s.view()).toMatchObject({ restartCount: before, breaker: { state: 'open' } });
  });
});
