/**
 * The startup probe `notify`: the engine says `READY=1` to NOTIFY_SOCKET (sd_notify(3)). What receives the datagrams is in `engine/notify`.
 */
import type { EngineRef } from '../identity.ts';
import type { ProbeOutcome } from './outcome.ts';

export interface NotifyInbox {
  /**
   * Calls `heard` for each READY=1 that reaches the socket of that generation, those that came before too: good from a process of its tree,
   * bad from anybody else. Whatever else is said there is passed over.
   */
  listen(ref: EngineRef, heard: (outcome: ProbeOutcome) => void): { close(): void };
}

/** Whether a datagram (lines of KEY=VALUE) says that the service is up. */
export function saysReady(text: string): boolean {
  return text.split('\n').includes('READY=1');
}
