import type { Exit } from '../../src/engine/engine-state.ts';
import type { EngineRef, Identity } from '../../src/engine/identity.ts';
import type { Evidence } from '../../src/pool/pool-events.ts';
import type { Behaviour } from './behaviour.ts';

/** 10:00 UTC on the day of every script. */
export const WALL_MS = Date.UTC(2026, 10, 20, 10);

/** A process of the machine: it goes on whether or not a daemon is there. */
export interface Process {
  readonly ref: EngineRef;
  readonly behaviour: Behaviour;
  readonly identity: Identity;
  exit: Exit | null;
  /** Its whole tree is gone. */
  gone: boolean;
  /** A daemon has asked to be told when it is. */
  watched: boolean;
}

export function newProcess(ref: EngineRef, behaviour: Behaviour, pid: number): Process {
  const identity: Identity = {
    bootId: 'boot',
    pid,
    startTicks: pid,
    launcherPid: pid,
    launcherStartTicks: pid,
    cgroup: null,
    instance: `i${pid}`,
  };
  return { ref, behaviour, identity, exit: null, gone: false, watched: false };
}

export function evidenceOf({ behaviour }: Process): Evidence {
  const pattern = behaviour.pattern ?? null;
  return {
    oomKilled: behaviour.oom ?? false,
    patternClass: pattern,
    matchedLine: pattern === null ? null : `fatal: ${pattern}`,
    lastLines: pattern === null ? ['loading', 'last words', ''] : [`fatal: ${pattern}`],
  };
}
