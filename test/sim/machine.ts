/** The pure half of the daemon as the simulator calls it, in one object, so that a test can plant a bug in any part of it. */

import { LeaseKeys } from '../../src/lease/lease-keys.ts';
import { dueMs } from '../../src/pool/due-state.ts';
import { next } from '../../src/pool/pool-next-state.ts';
import { restored } from '../../src/pool/pool-state.ts';
import { refusal } from '../../src/pool/refusal-state.ts';
import { gateNext } from '../../src/pool/start-gate-state.ts';

export interface Machine {
  readonly next: typeof next;
  readonly dueMs: typeof dueMs;
  readonly gateNext: typeof gateNext;
  readonly refusal: typeof refusal;
  /** The state as the next daemon takes it up. */
  readonly restored: typeof restored;
  /** The keys of acquires that one daemon knows. */
  readonly newKeys: (clock: ConstructorParameters<typeof LeaseKeys>[0]) => LeaseKeys;
  /** False only where a test plants that bug: effects run although their state may never be stored. */
  readonly storesFirst: boolean;
}

export const theMachine: Machine = {
  next,
  dueMs,
  gateNext,
  refusal,
  restored,
  newKeys: (clock) => new LeaseKeys(clock),
  storesFirst: true,
};
