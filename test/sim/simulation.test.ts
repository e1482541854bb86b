/** Two thousand random schedules, each watched step by step; and what they have met, so that a green run says something. */
import { describe, expect, it } from 'vitest';
import { Coverage } from './coverage.ts';
import { runSchedule, STEPS_MIN } from './schedule.ts';
import { failureReport } from './shrink.ts';

const SCHEDULES = 2_000;

/** Pairs that 2,000 schedules meet, less a tenth: those left out are met once or twice and come and go with any change. */
const PAIRS_MIN = 945;

const WAITING = ['idle', 'ended', 'failed', 'backoff/failure', 'backoff/blocked', 'backoff/starved'] as const;
const UNSPAWNED = ['preparing', 'preflight', 'queued'] as const;
const ADOPTABLE = ['spawning', 'probing', 'ready', 'unready', 'stopping/term', 'stopping/kill', 'stuck/unkillable'] as const;
const EVERY_STATE = [...WAITING, ...UNSPAWNED, ...ADOPTABLE, 'stuck/unproven'] as const;

const CANDIDATES = [
  'candidate:probing',
  'candidate:ready',
  'candidate:stopping/term',
  'candidate:stopping/kill',
  'closing:ready',
  'retiring:stopping/term',
] as const;

/** Where somebody may hold a lease; one that has been told to end holds none, and what comes about its leases then comes too late. */
const LEASED = ['ready', 'unready', 'closing:ready'] as const;

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
  preflown: ['preflight', 'candidate:preflight'],
  spawnGranted: ['queued', 'candidate:queued'],
  spawned: ['spawning', 'candidate:spawning'],
  startFailed: ['preflight', 'spawning', 'candidate:preflight', 'candidate:spawning'],
  probed: ['probing', 'ready', 'unready', 'closing:ready', 'candidate:probing', 'candidate:ready', 'retiring:ready'],
  // Candidates and what they have replaced take the same ways.
  exited: ['probing', 'ready', 'unready', 'stopping/term', 'stopping/kill', 'stuck/unkillable', ...CANDIDATES],
  gone: [
    'stopping/term',
    'stopping/kill',
    'stuck/unkillable',
    'stuck/unproven',
    'candidate:stopping/term',
    'candidate:stopping/kill',
    'retiring:stopping/term',
  ],
  adopted: ADOPTABLE,
  endedMeanwhile: ADOPTABLE,
  neverStarted: [...UNSPAWNED, 'spawning'],
  unproven: ['spawning', 'probing', 'ready', 'stuck/unproven'],
  acquire: [...EVERY_STATE, 'closing:ready', 'closing:unready', 'candidate:probing', 'candidate:ready', 'retiring:ready'],
  renew: [...LEASED, 'closing:unready', 'retiring:ready'],
  release: [...LEASED, 'retiring:ready', 'stopping/term'],
  revoke: ['ready'],
  claim: ['ready', 'closing:ready', 'unready'],
  attach: ['ready'],
  connectionClosed: LEASED,
  hungUp: [...WAITING.filter((state) => state !== 'backoff/starved'), 'probing', 'ready', 'unready', 'closing:ready'],
  leave: [...WAITING.filter((state) => state !== 'backoff/starved'), 'preparing', 'probing', 'ready', 'unready'],
  watch: [...WAITING.filter((state) => state !== 'backoff/starved'), 'preparing', 'probing', 'ready', 'unready', 'closing:ready'],
  ask: [...WAITING.filter((state) => state !== 'backoff/starved'), 'preparing', 'probing', 'ready', 'unready', 'closing:ready'],
  'ticket.granted': ['ready', 'probing', 'unready', 'closing:ready', 'candidate:ready', 'retiring:ready'],
  'ticket.expired': ['backoff/failure', 'failed', 'preparing', 'probing', 'ready', 'unready', 'closing:ready'],
  'ticket.left': ['backoff/failure', 'failed', 'preparing', 'probing', 'ready', 'unready', 'closing:ready'],
  'ticket.refused': ['backoff/failure', 'failed', 'idle', 'preflight', 'probing', 'ready', 'stopping/term', 'stopping/kill'],
  'lease.released': [...LEASED, 'retiring:ready'],
  'lease.expired': [...LEASED, 'retiring:ready'],
  'lease.revoked': ['ready'],
  'lease.forced': ['closing:ready', 'retiring:ready'],
  'lease.engine_lost': ['ready', 'unready', 'closing:ready', 'stopping/kill', 'stuck/unproven'],
  'lease.lost': ['ready'],
  'command:drain': EVERY_STATE.filter((state) => state !== 'backoff/starved'),
  'command:pause': EVERY_STATE.filter((state) => !state.startsWith('stuck') && state !== 'backoff/starved' && state !== 'backoff/blocked'),
  'command:resume': [...EVERY_STATE, 'closing:ready'],
  'command:reload': [...EVERY_STATE, 'candidate:probing', 'closing:ready'],
  cancel: ['ready', 'idle', 'probing', 'closing:ready', 'stopping/term', 'failed', 'backoff/failure', 'candidate:probing'],
  'reload.started': EVERY_STATE,
  'reload.rolled_back': [
    ...EVERY_STATE,
    'candidate:preflight',
    'candidate:spawning',
    'candidate:probing',
    'candidate:ready',
    'closing:ready',
  ],
  ready: ['probing', 'unready', 'candidate:probing'],
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
