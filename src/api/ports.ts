/** What the API is given to work with. Types only. */
import type { Clock } from '../clock.ts';
import type { Bus } from '../events/bus.ts';
import type { Host } from '../pool/host.ts';

export interface ApiContext {
  readonly host: Host;
  readonly clock: Clock;
  readonly events: EventFeed;
  readonly metricsText: () => Promise<string>;
}

/** The bus as the API needs it. */
export type EventFeed = Pick<Bus, 'since' | 'subscribe' | 'want'>;

/** As pino writes: facts, then the message. */
export interface ApiLog {
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  error(facts: Readonly<Record<string, unknown>>, message: string): void;
}

/** `route` is the path of the table, or `none`. Streams count until their head. */
export type ObserveRequest = (route: string, status: number, seconds: number) => void;
