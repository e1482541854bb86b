import type { Client } from '../client/client.ts';
import type { LeaseClient } from '../client/lease-client.ts';
import type { Clock } from '../clock.ts';
import type { Output } from './output.ts';

/** What every verb works with. */
export interface Session {
  readonly client: Client;
  readonly leases: LeaseClient;
  readonly clock: Clock;
  readonly out: Output;
  /** `--timeout`; null = as long as it takes. */
  readonly timeoutMs: number | null;
}
