/** A connection that holds a lease: read to its end, hung up on when its client has had enough. */
import { systemClock } from '../../src/clock.ts';
import type { BoundLine } from '../../src/lease/lease.ts';
import { granted, refusalIn } from './answers.ts';
import type { Acquisition, Answer, Binding } from './history.ts';

export class Connection {
  /** Null until something is bound. */
  binding: Binding | null;
  readonly #hangUp = new AbortController();
  readonly #first = Promise.withResolvers<Answer>();

  constructor(binding: Binding | null) {
    this.binding = binding;
  }

  get signal(): AbortSignal {
    return this.#hangUp.signal;
  }

  /** The grant, why there is none, or that nobody knows. */
  get first(): Promise<Answer> {
    return this.#first.promise;
  }

  /** That is the release. */
  leave(): void {
    if (this.binding?.answer.is === 'none') this.binding.leftMs = Math.min(this.binding.leftMs, systemClock.nowMs());
    this.#hangUp.abort();
  }

  /** Reads until it is over. `bound`: what is held from then on. */
  async read(lines: AsyncIterable<BoundLine>, bound: (answer: Answer) => Binding | null): Promise<void> {
    let over: Answer = { is: 'none' };
    try {
      for await (const line of lines) {
        if (line.outcome === 'granted') {
          this.binding = bound(granted(line));
          this.#first.resolve(granted(line));
        } else if (line.outcome === 'refused') over = { is: 'refused', code: line.code };
        else if (line.outcome === 'ended') over = { is: 'bound', over: 'ended' };
      }
    } catch (error) {
      over = refusalIn(error);
    }
    this.#over(over);
  }

  #over(over: Answer): void {
    const { binding } = this;
    if (binding !== null) {
      binding.endMs = systemClock.nowMs();
      const stood = binding.boundMs < Number.POSITIVE_INFINITY;
      if (over.is !== 'none') binding.answer = over;
      else if (stood) binding.answer = { is: 'bound', over: binding.leftMs < Number.POSITIVE_INFINITY ? 'left' : 'broken' };
    }
    this.#first.resolve(over);
  }
}

/** Of a streaming acquire: what is behind its grant. */
export function boundSince({ client, pool, endMs }: Acquisition, lease: string): Binding {
  return { kind: 'bind', client, pool, lease, beginMs: endMs, boundMs: endMs, leftMs: Number.POSITIVE_INFINITY, ...unanswered() };
}

export function unanswered(): { endMs: number; answer: Answer } {
  return { endMs: Number.POSITIVE_INFINITY, answer: { is: 'none' } };
}
