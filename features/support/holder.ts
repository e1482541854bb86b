/** One who uses engines, by name: what it holds, what it waits for, what it was told. */
import { ok } from 'node:assert/strict';
import type { Granted } from '../../src/lease/lease.ts';
import type { Answer, Question } from './asking.ts';
import { ask } from './asking.ts';
import { Lasting } from './lasting.ts';
import type { PooldWorld } from './world.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

export class Holder {
  readonly #world: PooldWorld;
  readonly name: string;
  /** The last one that it was granted. */
  lease: Granted | null = null;
  ticket: string | null = null;
  request: Lasting | null = null;

  constructor(world: PooldWorld, name: string) {
    this.#world = world;
    this.name = name;
  }

  /** Asks, and takes note of a lease or a ticket in the answer. */
  async ask(question: Question): Promise<Answer> {
    const answer = await ask(this.#place(), this.#asSent(question));
    this.told(answer);
    return answer;
  }

  /** The same, with the connection kept open for as long as the daemon or the holder wants. */
  begin(question: Question): Lasting {
    this.request = new Lasting(this.#place(), this.#asSent(question));
    return this.request;
  }

  told({ status, text }: Answer): void {
    if (status >= 300 || !text.startsWith('{')) return;
    const said = JSON.parse(text) as { readonly outcome?: string; readonly id?: string; readonly lease?: Granted | null };
    if (said.outcome === 'granted') this.lease = said as Granted;
    if (said.outcome === 'queued') this.ticket = said.id ?? null;
    if (said.lease) this.lease = said.lease;
  }

  /** `LEASE`, `TOKEN` and `TICKET` are its own. */
  filled(text: string): string {
    return text
      .replaceAll(/\bLEASE\b/g, () => this.held().id)
      .replaceAll(/\bTOKEN\b/g, () => this.held().token)
      .replaceAll(/\bTICKET\b/g, () => this.ticket ?? 'none');
  }

  held(): Granted {
    ok(this.lease !== null, `${this.name} was granted no lease`);
    return this.lease;
  }

  #place(): { readonly socketPath: string } {
    return { socketPath: String(this.#world.noted.get('socket of holders') ?? this.#world.socket) };
  }

  #asSent(question: Question): Question {
    const typed = question.body === undefined ? {} : JSON_TYPE;
    return { ...question, headers: { 'poold-actor': this.name, ...typed, ...question.headers } };
  }
}

export function holderOf(world: PooldWorld, name: string): Holder {
  const holders = holdersOf(world);
  const holder = holders.get(name) ?? new Holder(world, name);
  holders.set(name, holder);
  return holder;
}

export function holdersOf(world: PooldWorld): Map<string, Holder> {
  const holders = (world.noted.get('holders') as Map<string, Holder> | undefined) ?? new Map<string, Holder>();
  world.noted.set('holders', holders);
  return holders;
}

/** What an acquire says, by the rows of a step: `key` is the header, everything else a field. */
export function acquireOf(pool: string, { name }: Holder, wish: Readonly<Record<string, string | number>>): Question {
  const { key, ...fields } = wish;
  const typed = Object.entries(fields).map(([field, value]) => [field, /^-?\d+$/.test(String(value)) ? Number(value) : value]);
  return {
    method: 'POST',
    path: `/v1/pools/${pool}/leases`,
    headers: key === undefined ? {} : { 'idempotency-key': String(key) },
    body: JSON.stringify({ holder: name, ...Object.fromEntries(typed) }),
  };
}
