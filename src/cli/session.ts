import type { Client } from '../client/client.ts';
import type { Clock } from '../clock.ts';
import type { LeaseCalls } from './lease-calls.ts';
import type { Output } from './output.ts';

/** What every verb works with. */
export interface Session {
  readonly client: Client;
  readonly leases: LeaseCalls;
  readonly clock: Clock;
  readonly out: Output;
  /** `--timeout`; null = as long as it takes. */
  readonly timeoutMs: number | null;
}
