/** What the daemon that is killed looks after. */
import type { Rig } from '../machine/rig.ts';

/** Fifty engines that only run: nothing becomes of them. */
export const STEADY = ['a', 'b', 'c', 'd', 'e'];
const REPLICAS = 10;
const SLOTS = 2;

/** Somebody works at these all the time. */
export const MOVING = [
  { pool: 'moving', replicas: 3 },
  { pool: 'gauged', replicas: 1 },
] as const;

/** Started again at once, as often as it takes. */
const UNHELD = {
  restart: 'always',
  readyAfter: '0ms',
  backoff: { delay: '0ms' },
  breaker: { failureThreshold: 10_000 },
  restartLimit: { count: 100_000 },
  storm: { count: 100_000, window: '1s' },
  drain: { deadline: '500ms' },
};

export function poolsOf(): Readonly<Record<string, unknown>> {
  const steady = { ...UNHELD, engine: { command: ['sleep', '1000000'] }, replicas: REPLICAS, slots: SLOTS };
  return {
    ...Object.fromEntries(STEADY.map((name) => [name, steady])),
    // Every hook there is, an engine that does not always end by a TERM, and never a second one beside it.
    moving: {
      ...UNHELD,
      engine: {
        command: ['ENGINES/ends-in-turn.sh', 'DIR'],
        prepare: { command: ['true'] },
        preflight: { command: ['true'] },
        port: 'auto',
      },
      onExit: { command: ['true'] },
      stop: { timeout: '100ms' },
      reload: { strategy: 'rolling', maxSurge: 0, maxUnavailable: 1, soak: '0ms' },
      replicas: 3,
      slots: SLOTS,
    },
    // Asked whether it is in use, and replaced by one beside it.
    gauged: {
      ...UNHELD,
      engine: { command: ['node', 'ENGINES/http-engine.mjs', '${port}'] },
      probes: {
        startup: { httpGet: { path: '/health' }, period: '50ms' },
        readiness: { httpGet: { path: '/health' }, period: '1s', timeout: '10s' },
      },
      inUse: { httpGet: { path: '/metrics' }, gauge: 'demo:requests_processing', period: '500ms' },
      reload: { strategy: 'blue-green', soak: '0ms' },
      replicas: 1,
      slots: SLOTS,
    },
  };
}

/** An engine on a port that another run has just tried would crash, and that is nobody's fault here: each run has its own. */
export function portsOfThisRun(): [number, number] {
  const from = 30_000 + (process.pid % 27) * 100;
  return [from, from + 99];
}

export function steadyProcesses(rig: Rig): number[] {
  return rig.processesByGeneration().flatMap(({ pid, ref }) => (STEADY.includes(ref.pool) ? pid : []));
}
