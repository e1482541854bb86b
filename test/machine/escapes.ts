/** Engines whose processes get away, or which end in a bad way: how each is made, and how one sees that its bad habit is in place. */
import type { ProcessStat } from '../../src/engine/proc.ts';

/** What the daemon grants after TERM; whoever hears none is killed then. */
export const STOP_TIMEOUT_MS = 300;

export interface Escape {
  /** Of its pool. */
  readonly name: string;
  readonly engine: Readonly<Record<string, unknown>>;
  /** `told`: it stays until it is stopped. `alone`: it ends by itself, before it was ready, and leaves something behind or nothing. */
  readonly ends: 'told' | 'alone';
  /** Nothing but KILL ends all of it. */
  readonly isDeaf: boolean;
  /** It has got away: judged by its live processes, `main` among them. Asked only of those that are told to end. */
  readonly isOut: (members: readonly ProcessStat[], main: ProcessStat) => boolean;
  /** The line by which it says that it has set its traps. */
  readonly ready: string | null;
}

const TOLD = { ends: 'told', isDeaf: false, ready: null } as const;
const ALONE = { ends: 'alone', isDeaf: false, ready: null, isOut: () => true } as const;
/** Of a fork bomb: as many processes as its user may have; no engine of another test runs as that one. */
const BOMB = { user: 'uucp', processes: 60, isOutFrom: 50 } as const;

export const ESCAPES: readonly Escape[] = [
  {
    ...TOLD,
    name: 'setsid',
    engine: { command: ['ENGINES/setsid-grandchild.sh'] },
    isOut: (members, main) => members.some(({ sessionId }) => sessionId !== main.sessionId),
  },
  {
    ...TOLD,
    name: 'double-fork',
    engine: { command: ['ENGINES/double-fork.sh', 'stays'] },
    isDeaf: true,
    ready: 'daemon',
    isOut: (members, main) => members.some(({ parentPid, sessionId }) => parentPid !== main.pid && sessionId !== main.sessionId),
  },
  { ...TOLD, name: 'deaf', engine: { command: ['ENGINES/ignores-term.sh'] }, isDeaf: true, ready: 'ready', isOut: () => true },
  { ...TOLD, name: 'stopped', engine: { command: ['ENGINES/stops-itself.sh'] }, isOut: (_, main) => main.state === 'T' },
  {
    ...TOLD,
    name: 'foreign',
    engine: { command: ['ENGINES/double-fork.sh', 'stays'], user: 'games' },
    isDeaf: true,
    ready: 'daemon',
    isOut: (members) => members.length > 1,
  },
  {
    ...TOLD,
    name: 'bomb',
    // `limits.pids` where the kernel lets us; RLIMIT_NPROC bounds it everywhere.
    engine: {
      command: ['prlimit', `--nproc=${BOMB.processes}`, '--', 'ENGINES/fork-bomb.pl'],
      user: BOMB.user,
      limits: { pids: BOMB.processes, bestEffort: true },
    },
    isDeaf: true,
    isOut: (members) => members.length >= BOMB.isOutFrom,
  },
  { ...ALONE, name: 'daemonising', engine: { command: ['ENGINES/double-fork.sh'] } },
  { ...ALONE, name: 'holder', engine: { command: ['ENGINES/holds-stdout.sh'] } },
  { ...ALONE, name: 'instant', engine: { command: ['/bin/sh', '-c', 'kill -KILL $$'] } },
];

export function poolOf({ engine, ends }: Escape): Readonly<Record<string, unknown>> {
  return {
    engine,
    autostart: false,
    restart: 'never',
    // Whoever ends by itself does so long before that.
    readyAfter: ends === 'told' ? '50ms' : '20s',
    stop: { timeout: `${STOP_TIMEOUT_MS}ms` },
    // Ten bad ends in a row are what is wanted.
    breaker: { failureThreshold: 1_000 },
    storm: { count: 1_000 },
  };
}
