/** What a decision wants done: data, run in order by `pool.ts` after the state was stored. Types only. */

import type { EngineRef, Side } from '../engine/identity.ts';
import type { Happening } from '../events/event.ts';
import type { EndedLease, EndedTicket, LeaseAnswer } from '../lease/lease-events.ts';
import type { HistoryEntry } from './host.ts';
import type { Operation } from './status.ts';

export type Effect =
  /** Goes on the bus. */
  | { readonly do: 'emit'; readonly happening: Happening }
  /** Stored with the state, in the same commit. */
  | { readonly do: 'record'; readonly entry: HistoryEntry }
  | { readonly do: 'operation'; readonly operation: Operation }
  /** To whoever asked, once it is stored. */
  | { readonly do: 'answer'; readonly to: number; readonly answer: LeaseAnswer }
  | { readonly do: 'leaseEnded'; readonly ended: EndedLease }
  | { readonly do: 'ticketEnded'; readonly ended: EndedTicket }
  /** Answered by `prepared`. */
  | { readonly do: 'prepare'; readonly specId: string }
  /** Answered by `preflown`. */
  | { readonly do: 'preflight'; readonly ref: EngineRef; readonly specId: string; readonly port: number | null }
  /** Answered by `spawnGranted` when the host has a place. */
  | { readonly do: 'requestSpawn'; readonly ref: EngineRef; readonly device: string | null }
  /** Answered by `spawned` or `startFailed`. */
  | { readonly do: 'spawn'; readonly ref: EngineRef }
  /** The pid is recorded, or there will be none. */
  | { readonly do: 'releaseSpawn'; readonly ref: EngineRef }
  /** It is ready, or will not be. */
  | { readonly do: 'releaseDevice'; readonly ref: EngineRef }
  /** A start that was called off before it had a process. */
  | { readonly do: 'abandon'; readonly ref: EngineRef }
  /** Its end is stored: whatever the generation held on the host goes. */
  | { readonly do: 'release'; readonly ref: EngineRef }
  | { readonly do: 'releasePort'; readonly replica: number; readonly side: Side }
  | { readonly do: 'probe'; readonly ref: EngineRef; readonly phase: 'starting' | 'serving' }
  /** Asks its busy gauge now, whatever its period; answered by `probed`. */
  | { readonly do: 'askInUse'; readonly ref: EngineRef }
  | { readonly do: 'stopProbing'; readonly ref: EngineRef }
  | { readonly do: 'writeHandoff'; readonly ref: EngineRef }
  | { readonly do: 'removeHandoff'; readonly ref: EngineRef }
  | { readonly do: 'signal'; readonly ref: EngineRef; readonly signal: string }
  /** The stop command or signal. */
  | { readonly do: 'terminate'; readonly ref: EngineRef }
  /** TERM for what outlived the main process. */
  | { readonly do: 'terminateRest'; readonly ref: EngineRef }
  | { readonly do: 'kill'; readonly ref: EngineRef }
  /** Answered by `gone` when the whole tree is: with what its log and the kernel say of the end. Asked once per generation. */
  | { readonly do: 'awaitGone'; readonly ref: EngineRef }
  /** Runs `onExit` and adds its output to the record of that generation. */
  | { readonly do: 'onExit'; readonly entry: HistoryEntry };
