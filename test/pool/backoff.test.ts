import { describe, expect, it } from 'vitest';
import { dies, diesOf, serves } from './behaviour.ts';
import { Script } from './script.ts';

const NO_BREAKER = { failureThreshold: 10_000 };

describe('back-off', () => {
  it('waits 1, 2, 4 … 60 s after failures in a row', () => {
    const s = new Script({ breaker: NO_BREAKER }).engine(0, dies(0)).until(250);
    const waits = s.happenings.filter(({ type }) => type === 'engine.backoff').map(({ facts }) => facts.delayMs);
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]);
    expect(s.spawnedAt(0)).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
  });

  it('is each engine’s own: replica 0 is back after 1 s though replica 3 fails for ever (sequence 2)', () => {
    const s = new Script({ replicas: 4 })
      .engine(3, dies(30))
      .until(7 * 86_400)
      .crash(0)
      .until(7 * 86_400 + 0.999);
    expect(s.viewOf(0).state).toBe('backoff');
    s.pass(0.001);
    expect(s.spawnedAt(0)).toEqual([0, 7 * 86_400 + 1]);
  });

  it('of five that die together is 1 s each, and no breaker opens (sequence 1)', () => {
    const s = new Script({ replicas: 5 }).engines(5, dies(10), serves).until(20);
    expect([0, 1, 2, 3, 4].map((replica) => s.spawnedAt(replica))).toEqual(Array.from({ length: 5 }, () => [0, 11]));
    expect(s.trace('breaker', 'restart')).toEqual(['11s restart.limited half 5']);
  });

  it('forgets its row after resetAfter of being stable, and not before', () => {
    const resets = (aliveS: number): unknown =>
      new Script({ breaker: NO_BREAKER })
        .engine(0, dies(0), dies(0), dies(0), dies(aliveS), serves)
        .until(400)
        .happenings.findLast(({ type }) => type === 'engine.backoff')?.facts.delayMs;
    // Ready 1 s after the spawn.
    expect(resets(300.9)).toBe(8_000);
    expect(resets(301.001)).toBe(1_000);
  });

  it('has two counters: the breaker’s row goes with success, the delay’s only with resetAfter', () => {
    const s = new Script().engine(0, dies(0), dies(0), dies(100), serves).until(90);
    expect(s.viewOf(0).failures).toBe(0);
    s.until(104);
    expect(s.viewOf(0).failures).toBe(1);
    expect(s.happenings.findLast(({ type }) => type === 'engine.backoff')?.facts).toMatchObject({ delayMs: 4_000, failureCount: 3 });
  });

  it('is longer for a class that has a multiplier', () => {
    const s = new Script({ backoff: { classes: { gpu: 2 } } }).engine(0, diesOf('gpu'), dies(), serves).until(10);
    expect(s.spawnedAt(0)).toEqual([0, 2.2, 4.4]);
  });

  it('is spread by the draw it is given', () => {
    const s = new Script({ backoff: { jitter: 0.1 } }).engine(0, dies(0), serves);
    s.random = 0;
    expect(s.until(3).spawnedAt(0)).toEqual([0, 0.9]);
  });

  it('goes on where it was when the daemon has been away', () => {
    const s = new Script({ breaker: NO_BREAKER }).engine(0, dies(0)).until(32).daemonDies().until(40).daemonStarts().until(64);
    expect(s.spawnedAt(0)).toEqual([0, 1, 3, 7, 15, 31, 63]);
  });

  it('is over at once when it ran out while the daemon was away', () => {
    const s = new Script({ breaker: NO_BREAKER }).engine(0, dies(0)).until(32).daemonDies().until(1_000).daemonStarts();
    expect(s.until(1_000).spawnedAt(0).at(-1)).toBe(1_000);
  });

  it('is passed by a person’s start', () => {
    const s = new Script().engine(0, dies(0), dies(0), dies(0), dies(0), serves).until(8);
    expect(s.viewOf(0)).toMatchObject({ state: 'backoff', nextStartAt: '2026-11-20T10:00:15.000Z' });
    const id = s.start();
    s.until(9);
    expect(s.outcome(id)).toBe('started');
    expect(s.spawns.at(-1)).toMatchObject({ atS: 8, cause: 'manual' });
    expect(s.view().restartCount).toBe(3);
  });
});
