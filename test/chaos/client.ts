/** One client: takes leases, renews, verifies, gives them back, once and twice, forgets some, and writes down what it saw. */
import { Client } from '../../src/client/client.ts';
import { pause, systemClock } from '../../src/clock.ts';
import type { BoundLine } from '../../src/lease/lease.ts';
import type { Stream } from '../sim/dice.ts';
import { between, chance, pick, whole } from '../sim/dice.ts';
import { granted, refusalIn } from './answers.ts';
import { boundSince, Connection, unanswered } from './connection.ts';
import type { Acquisition, Answer, Binding, Operation, Use } from './history.ts';

const MOST_HELD = 3;
const PAUSE_MS = 30;
const TTLS_MS = [400, 800, 1_500, 3_000] as const;
/** Of each pool the next one gets half as many. */
const BUSIER = 0.5;
/** Asked of pools whose engines come and go. */
const MOVING = 0.15;
const BOUND = 0.15;
const NEVER = Number.POSITIVE_INFINITY;

export interface ClientParts {
  readonly name: string;
  readonly socketPath: string;
  /** Over api.sock, where everybody is an admin and may revoke. */
  readonly admin: boolean;
  readonly pools: readonly string[];
  readonly moving: readonly string[];
  readonly draw: Stream;
  /** When it is asked; its answer is written into it. */
  readonly record: (operation: Operation) => void;
  /** It was answered, or never will be. */
  readonly ended: (operation: Operation) => void;
  /** Resolves while a daemon is there to be asked. */
  readonly open: () => Promise<void>;
}

interface Wish {
  readonly pool: string;
  readonly holder: string;
  readonly key: string | null;
  readonly ttlMs: number;
  readonly waitMs: number;
  /** Held by its connection. */
  readonly bound: boolean;
}

interface Holding {
  readonly lease: string;
  readonly token: string;
  readonly pool: string;
  readonly wish: Wish;
  /** That holds it. */
  connection: Connection | null;
}

export class ChaosClient {
  readonly #parts: ClientParts;
  readonly #client: Client;
  #held: Holding[] = [];
  /** Given back or forgotten: asked about once more. */
  #past: Holding[] = [];
  /** Not answered, and to be asked again by its key. */
  #unanswered: Wish | null = null;
  #wishes = 0;
  /** Each until it is over. */
  readonly #connections = new Map<Connection, Promise<void>>();

  constructor(parts: ClientParts) {
    this.#parts = parts;
    const target = { socketPath: parts.socketPath };
    this.#client = new Client({ target, clock: systemClock, actor: parts.name, timeoutMs: 10_000 });
  }

  /** Until it is told to stop; gives back what it holds then. */
  async run(over: () => boolean): Promise<void> {
    const { draw, open } = this.#parts;
    while (!over()) {
      await open();
      await this.#act();
      await pause(systemClock, between(draw, 0, PAUSE_MS));
    }
    for (const holding of this.#held) await this.#release(holding);
    for (const connection of this.#connections.keys()) connection.leave();
    await Promise.all(this.#connections.values());
    await this.#client.close();
  }

  async #act(): Promise<void> {
    const { draw } = this.#parts;
    if (this.#unanswered !== null) return this.#acquire(this.#unanswered, true);
    const past = this.#past.shift();
    if (past !== undefined) return this.#askAfter(past);
    const held = this.#held[whole(draw, 0, this.#held.length - 1)];
    if (held === undefined || (this.#held.length < MOST_HELD && chance(draw, 0.35))) return this.#acquire(this.#wish(), false);
    const share = draw();
    // What a connection holds needs no renewal.
    if (held.connection !== null && share < 0.3) this.#forget(held);
    else if (share < 0.1) await this.#attach(held);
    else if (share < 0.3) await this.#renew(held);
    else if (share < 0.5) await this.#verify(held);
    else if (share < 0.9) await this.#release(held);
    else if (share < 0.95 && this.#parts.admin) await this.#revoke(held);
    else this.#forget(held);
  }

  #wish(): Wish {
    const { draw, name, pools, moving } = this.#parts;
    this.#wishes += 1;
    let at = 0;
    while (at < pools.length - 1 && chance(draw, BUSIER)) at += 1;
    const pool = chance(draw, MOVING) ? moving[whole(draw, 0, moving.length - 1)] : pools[at];
    const holder = `${name}-${this.#wishes}`;
    const bound = chance(draw, BOUND);
    return {
      pool: pool ?? '',
      holder,
      bound,
      key: !bound && chance(draw, 0.5) ? `key-of-${holder}` : null,
      ttlMs: pick(draw, TTLS_MS),
      waitMs: chance(draw, 0.5) ? 0 : whole(draw, 50, 1_000),
    };
  }

  async #acquire(wish: Wish, again: boolean): Promise<void> {
    const { pool, holder, key, ttlMs, waitMs } = wish;
    const operation: Acquisition = { kind: 'acquire', client: this.#parts.name, pool, holder, key, again, ...begun() };
    const order = { holder, key, ttlMs, waitMs, priority: null };
    this.#parts.record(operation);
    if (wish.bound) return this.#acquireBound(operation, wish, (signal) => this.#client.leases.acquireBound(pool, order, signal));
    await this.#answered(operation, async () => granted(await this.#client.leases.acquire(pool, order)));
    this.#unanswered = operation.answer.is === 'none' && key !== null ? wish : null;
    this.#take(operation, wish, null);
  }

  async #acquireBound(operation: Acquisition, wish: Wish, ask: (signal: AbortSignal) => AsyncIterable<BoundLine>): Promise<void> {
    const connection = new Connection(null);
    this.#reads(connection, ask(connection.signal), (answer) => {
      this.#told(operation, answer);
      if (answer.is !== 'granted') return null;
      const binding = boundSince(operation, answer.grant.lease);
      this.#parts.record(binding);
      return binding;
    });
    const answer = await connection.first;
    if (operation.answer.is === 'none') this.#told(operation, answer);
    this.#take(operation, wish, connection);
  }

  async #attach(held: Holding): Promise<void> {
    const { lease, token, pool } = held;
    const binding: Binding = { kind: 'bind', client: this.#parts.name, pool, lease, ...begun(), boundMs: NEVER, leftMs: NEVER };
    const connection = new Connection(binding);
    this.#parts.record(binding);
    this.#reads(connection, this.#client.leases.attach(lease, token, connection.signal), () => {
      binding.boundMs = systemClock.nowMs();
      return binding;
    });
    const { is } = await connection.first;
    if (is === 'refused') this.#drop(held);
    else if (is === 'granted' && binding.answer.is === 'none') held.connection = connection;
  }

  /** In the background. What becomes of the connection becomes of what it holds. */
  #reads(connection: Connection, lines: AsyncIterable<BoundLine>, bound: (answer: Answer) => Binding | null): void {
    const over = connection.read(lines, bound).then(() => {
      this.#connections.delete(connection);
      const { binding } = connection;
      if (binding === null) return;
      this.#parts.ended(binding);
      const held = this.#held.find((one) => one.connection === connection);
      if (held === undefined) return;
      held.connection = null;
      if (binding.answer.is === 'bound' && binding.answer.over === 'ended') this.#drop(held);
    });
    // What it throws is thrown at the end.
    over.catch(() => {});
    this.#connections.set(connection, over);
  }

  #take({ answer, pool }: Acquisition, wish: Wish, connection: Connection | null): void {
    if (answer.is !== 'granted') return;
    const stands = connection?.binding?.answer.is === 'none' ? connection : null;
    this.#held.push({ lease: answer.grant.lease, token: answer.grant.token, pool, wish, connection: stands });
  }

  async #renew(held: Holding): Promise<void> {
    const ttlMs = chance(this.#parts.draw, 0.3) ? pick(this.#parts.draw, TTLS_MS) : null;
    const { lease, token } = held;
    await this.#use(held, 'renew', {
      ttlMs,
      ask: async () => ({ is: 'renewed', ttlMs: (await this.#client.leases.renew(lease, { token, ttlMs })).ttlMs }),
    });
  }

  async #verify(held: Holding): Promise<void> {
    const { lease, token } = held;
    const ask = async (): Promise<Answer> => {
      await this.#client.leases.verify(lease, token);
      return { is: 'verified' };
    };
    await this.#use(held, 'verify', { ttlMs: null, ask });
  }

  async #release(held: Holding): Promise<void> {
    const { lease, token } = held;
    const ask = async (): Promise<Answer> => {
      const { outcome } = await this.#client.leases.release(lease, { token, outcome: null });
      return { is: outcome === 'released' ? 'released' : 'alreadyEnded' };
    };
    const { is } = await this.#use(held, 'release', { ttlMs: null, ask });
    if (is === 'none') return;
    this.#drop(held);
    if (chance(this.#parts.draw, 0.3)) this.#past.push(held);
  }

  async #revoke(held: Holding): Promise<void> {
    const ask = async (): Promise<Answer> => {
      await this.#client.leases.revoke(held.lease, 'chaos');
      return { is: 'released' };
    };
    const { is } = await this.#use(held, 'revoke', { ttlMs: null, ask });
    if (is !== 'none') this.#past.push(held);
    this.#drop(held);
  }

  /** Nobody renews it or gives it back. */
  #forget(held: Holding): void {
    this.#drop(held);
    if (chance(this.#parts.draw, 0.5)) this.#past.push(held);
  }

  /** Of what is over: given back again, verified, or wished for again by its key. */
  async #askAfter(past: Holding): Promise<void> {
    const share = this.#parts.draw();
    if (share < 0.4) await this.#release(past);
    else if (share < 0.7 || past.wish.key === null) await this.#verify(past);
    else await this.#acquire(past.wish, true);
  }

  async #use(
    held: Holding,
    kind: Use['kind'],
    { ttlMs, ask }: { readonly ttlMs: number | null; readonly ask: () => Promise<Answer> },
  ): Promise<Answer> {
    const operation: Use = { kind, client: this.#parts.name, pool: held.pool, lease: held.lease, ttlMs, ...begun() };
    this.#parts.record(operation);
    await this.#answered(operation, ask);
    if (operation.answer.is === 'refused') this.#drop(held);
    return operation.answer;
  }

  async #answered(operation: Operation, ask: () => Promise<Answer>): Promise<void> {
    this.#told(operation, await ask().catch(refusalIn));
  }

  #told(operation: Operation, answer: Answer): void {
    operation.endMs = systemClock.nowMs();
    operation.answer = answer;
    this.#parts.ended(operation);
  }

  #drop({ lease, connection }: Holding): void {
    connection?.leave();
    this.#held = this.#held.filter((one) => one.lease !== lease);
  }
}

function begun(): { readonly beginMs: number; endMs: number; answer: Answer } {
  return { beginMs: systemClock.nowMs(), ...unanswered() };
}
