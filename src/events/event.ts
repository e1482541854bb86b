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
