import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RestartPolicy } from '../../src/config/spec.ts';
import type { Ending, Verdict } from '../../src/policy/crash-class.ts';
import { crashClass, isFailure, OWN_CLASSES, verdict } from '../../src/policy/crash-class.ts';

const nothing: Ending = { reason: null, code: null, signal: null, oomKilled: false, patternClass: null, wasReady: true };

describe('the crash class, first rule that fits', () => {
  const all: Ending = { reason: 'unhealthy', code: 1, signal: 'SIGKILL', oomKilled: true, patternClass: 'gpu', wasReady: true };
  it.each<[string, Partial<Ending>, string]>([
    ['our own reason', {}, 'unhealthy'],
    ['the oom killer', { reason: null }, 'oom'],
    ['a log pattern', { reason: null, oomKilled: false }, 'gpu'],
    ['a signal', { reason: null, oomKilled: false, patternClass: null }, 'signal'],
    ['an exit code', { reason: null, oomKilled: false, patternClass: null, signal: null }, 'error'],
    ['nobody saw it', { reason: null, oomKilled: false, patternClass: null, signal: null, code: null }, 'unknown'],
  ])('%s', (_rule, change, expected) => {
    expect(crashClass({ ...all, ...change })).toBe(expected);
  });

  it.each<[Partial<Ending>, string]>([
    [{ code: 0 }, 'clean'],
    [{ code: 0, wasReady: false }, 'error'],
    [{ code: 137 }, 'error'],
    [{ code: 0, patternClass: 'bad_model' }, 'bad_model'],
    [{ code: 0, reason: 'requested' }, 'requested'],
    [{ code: 0, reason: 'unhealthy' }, 'unhealthy'],
    [{ signal: 'SIGKILL', reason: 'start_timeout', wasReady: false }, 'start_timeout'],
    [{ signal: 'SIGKILL', oomKilled: true }, 'oom'],
  ])('%j is %s', (change, expected) => {
    expect(crashClass({ ...nothing, ...change })).toBe(expected);
  });

  it('is clean only for exit 0 after ready with nothing else seen', () => {
    const ending = fc.record<Ending>({
      reason: fc.constantFrom(null, 'requested', 'unhealthy', 'start_timeout'),
      code: fc.constantFrom(null, 0, 1, 137, 255),
      signal: fc.constantFrom(null, 'SIGTERM', 'SIGSEGV'),
      oomKilled: fc.boolean(),
      patternClass: fc.constantFrom(null, 'gpu', 'bad_model'),
      wasReady: fc.boolean(),
    });
    fc.assert(
      fc.property(ending, (given) => {
        const plain = given.reason === null && given.signal === null && !given.oomKilled && given.patternClass === null;
        expect(crashClass(given) === 'clean').toBe(plain && given.code === 0 && given.wasReady);
      }),
    );
  });
});

/** Table A of product.md, word by word: failure, then what follows under each `restart`. */
type Row = readonly [failure: boolean | 'only under always', always: Verdict, onFailure: Verdict, never: Verdict];
const usual: Row = [true, 'restart', 'restart', 'failed'];
const TABLE_A: Readonly<Record<string, Row>> = {
  requested: [false, 'as_wanted', 'as_wanted', 'as_wanted'],
  clean: ['only under always', 'restart', 'stopped', 'stopped'],
  error: usual,
  signal: usual,
  oom: usual,
  unhealthy: usual,
  start_timeout: usual,
  unknown: usual,
  spawn_failed: usual,
  prepare_failed: usual,
  starved: [false, 'starved', 'starved', 'starved'],
  port_busy: [false, 'blocked', 'blocked', 'blocked'],
  device_busy: [false, 'blocked', 'blocked', 'blocked'],
  // Patterns, the built-in and the config's.
  gpu: usual,
  gpu_oom: usual,
  bad_model: usual,
  whatever_the_config_says: usual,
  constructor: usual,
};
const POLICIES: readonly RestartPolicy[] = ['always', 'on-failure', 'never'];

describe('table A', () => {
  it('names every class that poold gives by itself', () => {
    expect(Object.keys(TABLE_A)).toEqual(expect.arrayContaining([...OWN_CLASSES]));
  });

  const cells = Object.entries(TABLE_A).flatMap(([klass, [failure, ...verdicts]]) =>
    POLICIES.map((restart, column) => ({
      klass,
      restart,
      verdict: verdicts[column],
      failure: failure === 'only under always' ? restart === 'always' : failure,
    })),
  );
  it.each(cells)('$klass under $restart: $verdict, a failure: $failure', (cell) => {
    expect(verdict(cell.klass, cell.restart)).toBe(cell.verdict);
    expect(isFailure(cell.klass, cell.restart)).toBe(cell.failure);
  });
});
