/**
 * The startup probe `notify`: the engine says `READY=1` to NOTIFY_SOCKET (sd_notify(3)). What receives the datagrams is not here: Node has no
 * AF_UNIX datagram sockets, so an inbox needs native calls.
 */
import type { EngineRef } from '../identity.ts';

export interface NotifyInbox {
  /** Calls `received` with the text of each datagram sent by the process tree of that generation, those that came before too. */
  listen(ref: EngineRef, received: (text: string) => void): { close(): void };
}

/** Whether a datagram (lines of KEY=VALUE) says that the service is up. */
export function saysReady(text: string): boolean {
  return text.split('\n').includes('READY=1');
}
