/** What happened, in commit order: the one stream that history, metrics, the log and followers are fed from. Types only. */

export const EVENT_TYPES = [
  'daemon.started',
  'daemon.adopted',
  'daemon.starved',
  'daemon.stopping',
  'engine.starting',
  'engine.ready',
  'engine.unready',
  'engine.exited',
  'engine.backoff',
  'engine.failed',
  'engine.stuck',
  'engine.stopped',
  'breaker.opened',
  'breaker.half_opened',
  'breaker.closed',
  'restart.limited',
  'restart.storm',
  'pool.state',
  'lease.granted',
  'lease.renewed',
  'lease.draining',
  'lease.released',
  'lease.expired',
  'lease.revoked',
  'lease.forced',
  'lease.engine_lost',
  'lease.lost',
  'ticket.queued',
  'ticket.promoted',
  'ticket.left',
  'ticket.expired',
  'ticket.refused',
  'drain.started',
  'drain.progress',
  'drain.forced',
  'drain.finished',
  'reload.started',
  'reload.step',
  'reload.rolled_back',
  'reload.finished',
  'operation.finished',
  'config.applied',
  'config.rejected',
  'log.dropped',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export type Fact = string | number | boolean | null | readonly string[];

/** An event before it has its number. `engine` is the id, `chat/0`. */
export interface Happening {
  readonly type: EventType;
  readonly pool: string | null;
  readonly engine?: string;
  readonly generation?: number;
  readonly by?: string;
  readonly facts: Readonly<Record<string, Fact>>;
}

/** As it is on the stream: the facts stand beside the other keys. */
export interface Event extends Happening {
  /** `<epoch>:<seq>`; the epoch counts daemon starts, seq has no gaps in it. */
  readonly cursor: string;
  /** RFC 3339, UTC. */
  readonly at: string;
}
