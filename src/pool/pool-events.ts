/** What can happen to a pool: everything its mailbox takes. Types only. Each answer carries the generation it is about. */
import type { PoolSpec } from '../config/spec.ts';
import type { Executable, Exit, Stamp } from '../engine/engine-state.ts';
import type { Identity, Side } from '../engine/identity.ts';
import type { ProbeResult } from '../engine/samples-state.ts';
import type { LeaseEvent } from '../lease/lease-events.ts';
import type { StartFailure } from '../policy/crash-class.ts';
import type { Sets } from '../rollout/rollout.ts';
import type { PoolCommand } from './host.ts';

interface About {
  readonly replica: number;
  readonly generation: number;
}

/** The spec that a reload's words make of another one, and the executable as it lies there now. */
export interface ReloadTarget {
  readonly fromSpecId: string;
  readonly spec: PoolSpec;
  readonly specId: string;
  readonly sets: Sets;
  readonly executable: Executable | null;
}

/** What is left to read of an ended generation. */
export interface Evidence {
  readonly oomKilled: boolean;
  readonly patternClass: string | null;
  readonly matchedLine: string | null;
  readonly lastLines: readonly string[];
}

export type PoolEvent =
  | LeaseEvent
  /** The daemon takes requests from now on: leases that went on without it have a whole TTL. */
  | { readonly type: 'opened' }
  | { readonly type: 'tick' }
  /** A person's command that `refusal` has let through. */
  | {
      readonly type: 'command';
      readonly command: PoolCommand;
      readonly operationId: string;
      readonly stamp: Stamp;
      /** Of a reload: what it goes to from the pool's spec, and from the one that a reload under way may make it. */
      readonly targets?: readonly ReloadTarget[];
    }
  | { readonly type: 'cancel'; readonly operationId: string; readonly stamp: Stamp }
  /** The file's word at the start of the daemon; null: the pool is gone from it. */
  | { readonly type: 'configured'; readonly spec: PoolSpec | null; readonly specId: string }
  | { readonly type: 'rebooted' }
  | { readonly type: 'shutdown' }
  | { readonly type: 'prepared'; readonly specId: string; readonly failure: string | null }
  | (About & {
      readonly type: 'preflown';
      readonly port: number | null;
      readonly device: string | null;
      readonly executable?: Executable | null;
    })
  | (About & { readonly type: 'spawnGranted' })
  | (About & { readonly type: 'spawned'; readonly identity: Identity })
  | (About & { readonly type: 'startFailed'; readonly class: StartFailure; readonly message: string })
  | (About & { readonly type: 'probed'; readonly result: ProbeResult })
  | (About & { readonly type: 'exited'; readonly exit: Exit })
  | (About & { readonly type: 'gone'; readonly evidence: Evidence })
  /** After a start of the daemon: this generation lives, and is provably ours. */
  | (About & { readonly type: 'adopted'; readonly identity: Identity })
  /** After a start of the daemon: its main process has ended meanwhile; what is left of its tree is dealt with as after any end. */
  | (About & { readonly type: 'endedMeanwhile'; readonly identity: Identity; readonly exit: Exit })
  /** After a start of the daemon: the intent was stored, and there never was a process. */
  | (About & { readonly type: 'neverStarted' })
  /** After a start of the daemon that had lost its store: it lives, is provably ours, and was not known. It is taken to run by the file's spec. */
  | (About & {
      readonly type: 'recovered';
      readonly identity: Identity;
      readonly port: number | null;
      readonly device: string | null;
      readonly side: Side;
    })
  /** After a damaged store: a number below which none is given out again. */
  | (About & { readonly type: 'counted' })
  /** Something lives under its name that cannot be proved to be ours. */
  | (About & { readonly type: 'unproven'; readonly identity?: Identity });
