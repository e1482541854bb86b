/** Streams as the API sends them, piece by piece, wherever the pieces are cut. */
import { ClientError } from './client-error.ts';

/** An event; or that earlier ones are no longer known; or, at the end, that this follower was too slow: what came before `cursor` was not all sent. */
export type StreamedEvent<E> = { readonly is: 'event'; readonly event: E } | { readonly is: 'reset' | 'lagged'; readonly cursor: string };

/** One value per line of NDJSON. */
export async function* recordsIn<T>(pieces: AsyncIterable<string>): AsyncGenerator<T> {
  for await (const line of linesIn(pieces)) if (line !== '') yield parsed<T>(line);
}

/** The messages of server-sent events; comments, which keep the connection warm, are left out. */
export async function* eventsIn<E>(pieces: AsyncIterable<string>): AsyncGenerator<StreamedEvent<E>> {
  let type = 'message';
  let data: string[] = [];
  for await (const line of linesIn(pieces)) {
    if (line === '') {
      if (data.length > 0) yield messageOf<E>(type, data.join('\n'));
      [type, data] = ['message', []];
      continue;
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === 'event') type = value;
    else if (field === 'data') data.push(value);
  }
}

function messageOf<E>(type: string, data: string): StreamedEvent<E> {
  const value = parsed<unknown>(data);
  if (type !== 'reset' && type !== 'lagged') return { is: 'event', event: value as E };
  return { is: type, cursor: (value as { readonly cursor: string }).cursor };
}

function parsed<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new ClientError('not_poold', 'cannot understand a line of the stream: it is not JSON', { status: 200, cause: error });
  }
}

async function* linesIn(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  // Every line ends with a newline: what is left is half of one, of a stream that was called off.
}
