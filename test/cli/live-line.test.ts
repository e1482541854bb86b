import { describe, expect, test } from 'vitest';
import { estimateText, liveLine, queueLine } from '../../src/cli/live-line.ts';
import { fitting, widthOf } from '../../src/cli/width.ts';

const AT_MS = Date.parse('2026-11-03T08:00:00Z');
const SIGHT = { passedMs: 18_000, wallMs: AT_MS, deadlineSinceMs: AT_MS - 18_000, logLine: null, columns: 79 };
const DRAIN = { kind: 'drain', pool: 'chat', progress: { leasesLeft: 3, deadlineAt: '2026-11-03T08:00:12Z', candidate: null } } as const;
const RELOAD = { kind: 'reload', pool: 'chat', progress: { leasesLeft: 0, deadlineAt: null, candidate: 'chat/0#5' } } as const;

describe('the live line', () => {
  test('of a drain: leases left, how much of the time is over, and what is left of it', () => {
    expect(liveLine(DRAIN, SIGHT)).toBe('drain chat: 3 leases left [############--------] 12s to the deadline');
    expect(liveLine({ ...DRAIN, progress: { ...DRAIN.progress, leasesLeft: 1 } }, { ...SIGHT, wallMs: AT_MS - 18_000 })).toBe(
      'drain chat: 1 lease left [--------------------] 30s to the deadline',
    );
    expect(liveLine(DRAIN, { ...SIGHT, wallMs: AT_MS + 13_000 })).toBe('drain chat: 3 leases left [####################] at the deadline');
  });

  test('without a deadline it says how long it has taken', () => {
    expect(liveLine({ ...DRAIN, progress: { leasesLeft: 0, deadlineAt: null, candidate: null } }, SIGHT)).toBe('drain chat: 18s');
    expect(liveLine({ ...DRAIN, progress: { leasesLeft: 2, deadlineAt: null, candidate: null } }, SIGHT)).toBe(
      'drain chat: 2 leases left, 18s',
    );
  });

  test('of a reload: the candidate, and harmlessly what it wrote last', () => {
    expect(liveLine(RELOAD, SIGHT)).toBe('reload chat: 18s, chat/0#5');
    expect(liveLine(RELOAD, { ...SIGHT, logLine: 'loading \u001b[2J\r 43 %\n' })).toBe(
      'reload chat: 18s, chat/0#5: loading \\x1b[2J\\x0d 43 %',
    );
    const draining = { ...RELOAD, progress: { ...DRAIN.progress, candidate: 'chat/0#5' } };
    expect(liveLine(draining, { ...SIGHT, logLine: 'loading the model from /models/a.gguf' })).toBe(
      'reload chat: 3 leases left [###---] 12s to the deadline, chat/0#5: loading the…',
    );
  });

  test('never takes more room than there is, and drops what matters least first', () => {
    const draining = { ...RELOAD, progress: { ...DRAIN.progress, candidate: 'chat/0#5' } };
    for (let columns = 1; columns < 200; columns += 1) {
      for (const logLine of [null, 'x', '模型'.repeat(60), 'loading '.repeat(30)]) {
        for (const operation of [DRAIN, RELOAD, draining]) {
          const line = liveLine(operation, { ...SIGHT, columns, logLine });
          expect(widthOf(line)).toBeLessThanOrEqual(columns);
          expect(line).not.toMatch(/\p{Cc}/u);
        }
      }
    }
    expect(liveLine(DRAIN, { ...SIGHT, columns: 50 })).toBe('drain chat: 3 leases left, 12s to the deadline');
    expect(liveLine(DRAIN, { ...SIGHT, columns: 39 })).toBe('drain chat: 3 leases left, 12s to go');
    expect(liveLine(DRAIN, { ...SIGHT, columns: 30 })).toBe('drain chat: 3 leases left, 12…');
  });
});

describe('a place in the queue', () => {
  const place = {
    queuePosition: 3,
    draining: false,
    estimatedWaitMs: 4_000,
    estimatedWaitP90Ms: 12_000,
    estimateBasis: 'history',
  } as const;

  test('comes with how long it will take, and how that is known', () => {
    expect(queueLine('chat', place)).toBe('waiting for chat: number 3 in the queue, 4s–12s by how long leases were held');
    expect(queueLine('chat', place, 60)).toBe('waiting for chat: number 3 in the queue, 4s–12s');
    expect(queueLine('chat', place, 39)).toBe('waiting for chat: number 3, 4s–12s');
    expect(queueLine('chat', place, 10)).toBe('chat: number 3, 4s–12s');
    expect(queueLine('chat', { ...place, draining: true, estimatedWaitMs: null })).toBe(
      'waiting for chat, which is draining: number 3 in the queue',
    );
    expect(estimateText({ ...place, estimatedWaitP90Ms: 4_000, estimateBasis: 'ttl' })).toBe('4s by their TTL');
    expect(estimateText({ ...place, estimatedWaitP90Ms: null, estimateBasis: 'coldStart' })).toBe(
      '4s by how long an engine takes to start',
    );
  });
});

test('text is cut where the next letter would not fit', () => {
  expect(fitting('abc', 3)).toBe('abc');
  expect(fitting('abcd', 3)).toBe('ab…');
  expect(fitting('模型模型', 4)).toBe('模…');
  expect(fitting('模型', 4)).toBe('模型');
  expect(fitting('abc', 1)).toBe('…');
  expect(fitting('abc', 0)).toBe('');
  expect(widthOf('a模😀')).toBe(5);
});
