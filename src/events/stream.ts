/**
 * Events as server-sent messages. A follower keeps no backlog of its own: it reads from what the bus keeps, at its own pace, and is cut when
 * the bus has let go of what it had still to read. So it costs nothing to be slow, and nobody else waits.
 */
import type { Bus } from './bus.ts';
import type { Event, EventType } from './event.ts';

export interface FollowOptions {
  readonly bus: Pick<Bus, 'since' | 'subscribe' | 'want'>;
  /** Types that are off by default and are asked for by name. */
  readonly wants?: readonly EventType[];
  /** Behind a cursor; null: from now on when following, else all that is kept. */
  readonly from: string | null;
  readonly follow: boolean;
  readonly wanted: (event: Event) => boolean;
  /** What stands beside the new cursor in a `reset`: the state to go on from. */
  readonly snapshot: () => Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

/** Characters that are handed on at once: what a follower that stops reading can hold back. */
const BATCH_CHARACTERS = 64 << 10;

/**
 * Messages in pieces of about 64 KiB, the next one made when the last was taken. Ends with `follow: false` behind what is kept, on abort, and
 * with a message `lagged` when the follower is further behind than the bus keeps: it comes back with its `Last-Event-ID` and gets a `reset`.
 */
export async function* followEvents({ bus, wants = [], from, follow, wanted, snapshot, signal }: FollowOptions): AsyncGenerator<string> {
  let wake: () => void = () => {};
  const heard = (): void => wake();
  const end = bus.subscribe(heard);
  const ends = wants.map((type) => bus.want(type));
  signal.addEventListener('abort', heard, { once: true });
  try {
    let cursor = from;
    if (from === null && follow) ({ cursor } = bus.since(null));
    else if (from !== null) {
      const behind = bus.since(from);
      if (behind.reset) {
        ({ cursor } = behind);
        yield message({ id: cursor, event: 'reset', data: { cursor, ...snapshot() } });
      }
    }
    for (;;) {
      const behind = bus.since(cursor);
      if (behind.reset) {
        yield message({ id: cursor, event: 'lagged', data: { cursor: behind.cursor } });
        return;
      }
      const { text, read } = batch(behind.events, wanted);
      cursor = read ?? cursor;
      if (text !== '') yield text;
      if (signal.aborted) return;
      // ORDER: looked once more in the same turn as the wait begins, so that nothing published while a piece was taken is slept through.
      const caughtUp = bus.since(cursor);
      if (caughtUp.reset || caughtUp.events.length > 0) continue;
      if (!follow) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal.removeEventListener('abort', heard);
    for (const unwanted of ends) unwanted();
    end();
  }
}

/** The facts stand beside the other keys; those cannot be covered up by a fact of the same name. */
export function eventMessage({ facts, ...rest }: Event): string {
  return message({ id: rest.cursor, event: rest.type, data: { ...facts, ...rest } });
}

/**
 * A test for `type` and `pool`. A type is a name of the table or a pattern in which `*` stands for anything (`engine.*`); null takes all.
 */
export function eventFilter({
  types,
  pool,
}: {
  readonly types: readonly string[] | null;
  readonly pool: string | null;
}): (event: Event) => boolean {
  return (event) => (pool === null || event.pool === pool) && (types === null || types.some((pattern) => matches(pattern, event.type)));
}

function batch(events: readonly Event[], wanted: (event: Event) => boolean): { readonly text: string; readonly read: string | null } {
  let text = '';
  let read: string | null = null;
  for (const event of events) {
    if (text.length >= BATCH_CHARACTERS) break;
    if (wanted(event)) text += eventMessage(event);
    read = event.cursor;
  }
  return { text, read };
}

/** Piece by piece between the stars, without the backtracking that a pattern of many stars would bring a regular expression to. */
function matches(pattern: string, type: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return type === first;
  if (!type.startsWith(first)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = type.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return type.length - last.length >= at && type.endsWith(last);
}

function message({ id, event, data }: { readonly id: string | null; readonly event: string; readonly data: unknown }): string {
  return `${id === null ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
