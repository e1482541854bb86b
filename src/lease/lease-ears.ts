/** Who is told what has become of leases and tickets, once it is stored. Types only. */
import type { EndedLease, EndedTicket, LeaseAnswer } from './lease-events.ts';

export interface LeaseEars {
  answered(to: number, answer: LeaseAnswer): void;
  leaseEnded(pool: string, ended: EndedLease): void;
  ticketEnded(pool: string, ended: EndedTicket): void;
}
