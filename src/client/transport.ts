/** One daemon over HTTP: connecting, waiting, and from its refusals to errors. The only place that knows undici and p-retry. */
import pRetry from 'p-retry';
import type { Dispatcher } from 'undici';
import { Agent } from 'undici';
import type { Clock } from '../clock.ts';
import { ClientError } from './client-error.ts';
import { answerError, connectionError, mayRetry, strangerError } from './faults.ts';
import type { Target } from './target.ts';

export interface TransportOptions {
  readonly target: Target;
  readonly clock: Clock;
  /** Goes out as `Poold-Actor`: who the user says to be. */
  readonly actor: string;
  /** For an answer to begin, beyond what the request itself asks the daemon to wait. */
  readonly timeoutMs: number;
}

export interface Exchange {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | null | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** What the request asks the daemon to wait, on top of the timeout. */
  readonly waitMs?: number;
  /** Done twice it is as done once, so a lost answer may be asked for again. A GET always is. */
  readonly repeatable?: boolean;
}

/** A daemon that is just starting is met by asking again for this long: three more times within half a second. */
const RETRIES = { retries: 3, minTimeout: 60, factor: 2, randomize: false } as const;

export class Transport {
  readonly #options: TransportOptions;
  readonly #agent: Agent;
  readonly #origin: string;

  constructor(options: TransportOptions) {
    const { target } = options;
    this.#options = options;
    const connect = { timeout: options.timeoutMs, ...('socketPath' in target ? { socketPath: target.socketPath } : {}) };
    // undici's own timers are off: a wait may be long, and a stream may be silent for ever.
    this.#agent = new Agent({ connect, headersTimeout: 0, bodyTimeout: 0, pipelining: 1 });
    this.#origin = 'socketPath' in target ? 'http://localhost' : target.url;
  }

  /** The parsed answer. Throws ClientError. */
  async json<T>(exchange: Exchange): Promise<T> {
    return this.#within(exchange, async (answer) => {
      const text = await answer.body.text();
      return parsed<T>(text, this.#options.target);
    });
  }

  /** Of an answer that is a list. Throws ClientError. */
  async items<T>(exchange: Exchange): Promise<readonly T[]> {
    const { items } = await this.json<{ readonly items: readonly T[] }>(exchange);
    return items;
  }

  async text(exchange: Exchange): Promise<string> {
    return this.#within(exchange, (answer) => answer.body.text());
  }

  /** The pieces of a stream as text, each when it comes. Throws ClientError, also in the middle. Ends with the stream or the signal. */
  async *pieces(exchange: Exchange): AsyncGenerator<string> {
    const { signal } = exchange;
    const leave = new AbortController();
    const abort = (): void => leave.abort();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const answer = await this.#within({ ...exchange, signal: leave.signal }, async (begun) => begun);
      const decoder = new TextDecoder();
      for await (const chunk of answer.body) yield decoder.decode(chunk as Buffer, { stream: true });
    } catch (error) {
      if (signal?.aborted) return;
      throw connectionError(error, this.#options.target);
    } finally {
      signal?.removeEventListener('abort', abort);
      leave.abort();
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** Asks, under the time limit, and hands a good answer on. */
  async #within<T>(exchange: Exchange, use: (answer: Dispatcher.ResponseData) => Promise<T>): Promise<T> {
    const { clock, timeoutMs, target } = this.#options;
    const limit = new AbortController();
    const limitMs = timeoutMs + (exchange.waitMs ?? 0);
    const timer = clock.after(limitMs, () => limit.abort());
    const signal = exchange.signal === undefined ? limit.signal : AbortSignal.any([limit.signal, exchange.signal]);
    try {
      const answer = await this.#reach({ ...exchange, signal });
      if (answer.statusCode >= 400) throw answerError(answer.statusCode, await answer.body.text(), target);
      return await use(answer);
    } catch (error) {
      if (limit.signal.aborted)
        throw new ClientError('timed_out', `cannot wait any longer: no answer of poold within ${limitMs / 1000} s`, { status: null });
      throw connectionError(error, target);
    } finally {
      timer.cancel();
    }
  }

  /** Tries again only while no connection came about, or for what may be done twice: what another lost request has done nobody knows. */
  #reach(exchange: Exchange & { readonly signal: AbortSignal }): Promise<Dispatcher.ResponseData> {
    return pRetry(() => this.#request(exchange), {
      ...RETRIES,
      signal: exchange.signal,
      shouldRetry: ({ error }) => mayRetry(error, exchange.repeatable ?? exchange.method === 'GET'),
    });
  }

  #request({ method, path, query, body, headers, signal }: Exchange): Promise<Dispatcher.ResponseData> {
    const { target, actor } = this.#options;
    const token = 'url' in target ? target.token : null;
    return this.#agent.request({
      origin: this.#origin,
      path: withQuery(path, query ?? {}),
      method,
      headers: {
        'poold-actor': actor,
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

function withQuery(path: string, query: NonNullable<Exchange['query']>): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  if (given.length === 0) return path;
  return `${path}?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`;
}

function parsed<T>(text: string, target: Target): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw strangerError(target, { status: 200, cause: error });
  }
}
