import type { HistoryEntry } from '../../src/pool/host.ts';
import type { Operation } from '../../src/pool/status.ts';
import type { Batch } from '../../src/store/store.ts';
import { EMPTY_BATCH } from '../../src/store/store.ts';

export const batch = (part: Partial<Batch>): Batch => ({ ...EMPTY_BATCH, ...part });

export const exit = (part: Partial<HistoryEntry>): HistoryEntry => ({
  pool: 'chat',
  engine: 'chat/0',
  generation: 1,
  startedAt: '2026-11-20T10:00:00.000Z',
  at: '2026-11-20T10:01:00.000Z',
  version: 'v1',
  failure: true,
  class: 'error',
  code: 1,
  signal: null,
  uptimeMs: 60_000,
  readyMs: null,
  message: 'exit code 1 after 60 s',
  matchedLine: null,
  lastLines: ['last words'],
  onExit: null,
  ...part,
});

export const operation = (part: Partial<Operation>): Operation => ({
  id: 'op-1',
  kind: 'start',
  pool: 'chat',
  state: 'running',
  outcome: null,
  steps: [],
  progress: { leasesLeft: 0, deadlineAt: null, candidate: null },
  error: null,
  by: 'ann@tty1',
  reason: null,
  startedAt: '2026-11-20T10:00:00.000Z',
  endedAt: null,
  ...part,
});
