/** What an engine's log is made of, shared by the files that keep it: the open file, its index, its limits and how bytes may be moved. */
import type { Clock } from '../../clock.ts';
import type { PoolSpec } from '../../config/spec.ts';
import type { Side } from '../identity.ts';
import type { Gate } from './gate.ts';
import type { IndexFile } from './index-file.ts';

/** Stops every writer of a log until the returned function is called. */
export type Freeze = () => Promise<() => Promise<void>>;

export interface LogOptions {
  readonly dir: string;
  readonly pool: string;
  readonly replica: number;
  readonly side: Side;
  readonly limits: PoolSpec['logs'];
  readonly clock: Clock;
  /** Asked only on file systems that cannot cut off the head of a file (tmpfs). */
  readonly freeze: Freeze;
  /** Told of every byte given up for want of room; not of those that `keep` lets go. */
  readonly emitDropped: (bytes: number) => void;
}

export interface LogParts {
  readonly path: string;
  readonly file: IndexFile;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly freeze: Freeze;
  readonly emitDropped: (bytes: number) => void;
  limits: PoolSpec['logs'];
  fd: number;
  /** Size of the log file in bytes at the last look; only poold makes it smaller. */
  seenBytes: number;
  /** False once the file system has said that it cannot. */
  canCollapse: boolean;
}
