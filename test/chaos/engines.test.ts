/** Engines that did not outlive their daemon as they should, planted and found. */
import { describe, expect, it } from 'vitest';
import type { PoolStatus } from '../../src/pool/status.ts';
import { engine, pool } from '../api/host.ts';
import { ADOPTED_WITHIN_MS, adoptionViolations, journalViolations, processViolations, toldViolations } from './engines.ts';

const BEFORE = [pool('a')];

function told(changes: Partial<PoolStatus>): string[] {
  return toldViolations(BEFORE, [pool('a', changes)]).map(({ says }) => says);
}

describe('what the daemon tells of its engines', () => {
  it('is as before', () => {
    expect(told({ activeLeases: 1 })).toEqual([]);
  });

  it('blames an engine, or counts a restart', () => {
    const counts = 'a was crashCount 0, restartCount 0, and is crashCount';
    expect(told({ crashCount: 1 })).toEqual([`${counts} 1, restartCount 0`]);
    expect(told({ restartCount: 2 })).toEqual([`${counts} 0, restartCount 2`]);
  });

  it('is of another process, of another state, or of fewer', () => {
    const second = engine('a/1', { pid: 4243 });
    const was = 'a/0 was ready, pid 4242, generation 2, and is';
    expect(told({ engines: [engine('a/0', { pid: 1, generation: 3 }), second] })).toEqual([`${was} ready, pid 1, generation 3`]);
    expect(told({ engines: [engine('a/0', { state: 'unready' }), second] })).toEqual([`${was} unready, pid 4242, generation 2`]);
    expect(told({ engines: [second] })).toEqual([`${was} not there`]);
  });
});

describe('the processes that there are', () => {
  it('are the same', () => {
    expect(processViolations([1, 2], [2, 1])).toEqual([]);
  });

  it('are fewer or more', () => {
    expect(processViolations([1, 2], [2, 3]).map(({ says }) => says)).toEqual(['process 1 is gone', 'process 3 is an orphan or a double']);
  });
});

it('engines are adopted too late', () => {
  expect(adoptionViolations([1, ADOPTED_WITHIN_MS, 2 * ADOPTED_WITHIN_MS])).toEqual([]);
  expect(adoptionViolations([1, ADOPTED_WITHIN_MS + 1, 2 * ADOPTED_WITHIN_MS])).toMatchObject([{ promise: 'adopted-in-time' }]);
});

describe('what engines write of their starts', () => {
  it('is as promised', () => {
    expect(journalViolations(['start a/0 1 77', 'start a/1 1 78', 'start a/0 3 79', ''])).toEqual([]);
  });

  it('is a second process, a generation again, or an older one', () => {
    expect(journalViolations(['start a/0 1 77', 'double a/0 2 78'])).toMatchObject([{ promise: 'one-process-per-replica' }]);
    expect(journalViolations(['start a/0 1 77', 'start a/0 1 78'])).toMatchObject([{ promise: 'one-process-per-replica' }]);
    expect(journalViolations(['start a/0 2 77', 'start a/0 1 78'])).toMatchObject([{ promise: 'one-process-per-replica' }]);
  });
});
