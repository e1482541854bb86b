/** Two thousand random schedules, each watched step by step; and what they have met, so that a green run says something. */
import { describe, expect, it } from 'vitest';
import { Coverage } from './coverage.ts';
import { runSchedule, STEPS_MIN } from './schedule.ts';
import { failureReport } from './shrink.ts';

const SCHEDULES = 2_000;

/** Pairs that 2,000 schedules meet, less a tenth: those left out are met once or twice and come and go with any change. */
const PAIRS_MIN = 350;

const WAITING = ['idle', 'ended', 'failed', 'backoff/failure', 'backoff/blocked', 'backoff/starved'] as const;
const UNSPAWNED = ['preparing', 'preflight', 'queued'] as const;
const ADOPTABLE = ['spawning', 'probing', 'ready', 'unready', 'stopping/term', 'stopping/kill', 'stuck/unkillable'] as const;
const EVERY_STATE = [...WAITING, ...UNSPAWNED, ...ADOPTABLE, 'stuck/unproven'] as const;

/** What has to be met: whatever comes to a whole pool meets every state; what is about one generation, the states in which an honest adapter says it. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  tick: EVERY_STATE,
  shutdown: EVERY_STATE,
  rebooted: EVERY_STATE,
  // Before the file's word each engine has been found or found missing.
  configured: EVERY_STATE.filter((state) => state !== 'spawning' && !UNSPAWNED.some((unspawned) => unspawned === state)),
  'command:start': EVERY_STATE,
  'command:stop': EVERY_STATE,
  'command:scale': EVERY_STATE,
  'command:retry': EVERY_STATE,
  'command:restart': EVERY_STATE.filter((state) => state !== 'stuck/unkillable'),
  'command:reset': EVERY_STATE.filter((state) => state !== 'backoff/starved' && state !== 'stuck/unkillable'),
  prepared: ['preparing'],
  preflown: ['preflight'],
  spawnGranted: ['queued'],
  spawned: ['spawning'],
  startFailed: ['preflight', 'spawning'],
  probed: ['probing', 'ready', 'unready'],
  exited: ['probing', 'ready', 'unready', 'stopping/term', 'stopping/kill', 'stuck/unkillable'],
  gone: ['stopping/term', 'stopping/kill', 'stuck/unkillable', 'stuck/unproven'],
  adopted: ADOPTABLE,
  endedMeanwhile: ADOPTABLE,
  neverStarted: [...UNSPAWNED, 'spawning'],
  unproven: ['spawning', 'probing', 'ready', 'stuck/unproven'],
  'late:exited': ['idle', 'backoff/failure', 'probing', 'ready'],
  'late:gone': ['idle', 'backoff/failure', 'probing', 'ready'],
  'late:spawned': ['idle', 'backoff/failure', 'probing', 'ready'],
  'late:probed': ['idle', 'backoff/failure', 'probing', 'ready'],
};

describe('the simulation', () => {
  it(`keeps every promise in ${SCHEDULES} schedules`, { timeout: 300_000 }, () => {
    const coverage = new Coverage();
    for (let seed = 1; seed <= SCHEDULES; seed += 1) {
      const outcome = runSchedule({ seed, coverage });
      if (outcome.violation !== null) expect.unreachable(failureReport(seed, outcome));
      expect(outcome.steps).toBeGreaterThanOrEqual(STEPS_MIN);
    }
    process.stdout.write(`${coverage.report()}\n`);
    const unmet = Object.entries(REQUIRED).flatMap(([event, phases]) =>
      phases.filter((phase) => !coverage.has(phase, event)).map((phase) => `${phase} × ${event}`),
    );
    expect(unmet).toEqual([]);
    expect(coverage.pairs).toBeGreaterThanOrEqual(PAIRS_MIN);
  });

  it('is the same again with the same seed', () => {
    const trace = (): string[] => {
      const lines: string[] = [];
      runSchedule({ seed: 17, trace: (line) => lines.push(line) });
      return lines;
    };
    expect(trace()).toEqual(trace());
  });
});
