/** A scripted pool with people who lease its engines. After each event it is checked what must hold of leases and queue, and of what is stored. */

import type { Ticket } from '../../src/admission/admission-state.ts';
import { inOrder } from '../../src/admission/admission-state.ts';
import type { EndedLease, EndedTicket, Held, LeaseAnswer, LeaseEvent } from '../../src/lease/lease-events.ts';
import { engineFor } from '../../src/lease/seats-state.ts';
import { gatesAt } from '../../src/pool/gates-state.ts';
import type { PoolEvent } from '../../src/pool/pool-events.ts';
import { explanations } from '../../src/pool/reason-view.ts';
import { allEngines, currentSpec, specOf } from '../../src/pool/turn.ts';
import type { Behaviour } from '../pool/behaviour.ts';
import { serves } from '../pool/behaviour.ts';
import type { SpecChange } from '../pool/pool-spec.ts';
import { Script } from '../pool/script.ts';
import { RowsKept } from './rows-kept.ts';

type Question = LeaseEvent extends infer One ? (One extends LeaseEvent ? Omit<One, 'to'> : never) : never;
type Acquire = Extract<LeaseEvent, { type: 'acquire' }>;

export class LeaseScript extends Script {
  readonly #rows = new RowsKept();
  #asked = 0;
  #checked = 0;
  #lastToken = '';

  /** Ready at 1 s, and taking requests. */
  constructor(change: SpecChange = {}, ...behaviours: readonly Behaviour[]) {
    super(change);
    for (const [replica, behaviour] of behaviours.entries()) this.engine(replica, behaviour, serves);
    this.until(0).send({ type: 'opened' });
  }

  override send(event: PoolEvent): this {
    super.send(event);
    this.#holds();
    return this;
  }

  /** The next daemon, ready to be asked. */
  again(...file: Parameters<Script['daemonStarts']>): this {
    this.daemonStarts(...file);
    return this.send({ type: 'opened' });
  }

  ask(question: Question): LeaseAnswer {
    this.#asked += 1;
    this.send({ ...question, to: this.#asked } as LeaseEvent);
    const effect = this.effects.find((one) => one.do === 'answer' && one.to === this.#asked);
    if (effect?.do !== 'answer') throw new Error(`cannot find the answer to ${question.type}`);
    return effect.answer;
  }

  /** `holder` is the lease's id too. */
  acquire(holder: string, more: Partial<Acquire> = {}): LeaseAnswer {
    return this.ask({
      type: 'acquire',
      leaseId: holder,
      ticketId: `t-${holder}`,
      holder,
      client: 'test',
      ttlMs: 30_000,
      priority: 5,
      bind: 'ttl',
      key: null,
      patience: 'ticket',
      ...more,
    });
  }

  /** `granted chat/0.1 slot 0`, `queued`, or the code of the refusal: of each. */
  acquires(...holders: readonly string[]): string[] {
    return holders.map((holder) => said(this.acquire(holder)));
  }

  held(holder: string): Held {
    for (const { replica, generation, seats } of allEngines(this.state)) {
      for (const lease of seats) if (lease?.id === holder) return { lease, seat: { replica, generation, slot: lease.slot } };
    }
    throw new Error(`cannot find a lease of ${holder}`);
  }

  /** Where each sits, `ann chat/0 slot 0`, in the order of engines and slots. */
  get seats(): string[] {
    return allEngines(this.state).flatMap(({ replica, seats }) =>
      seats.flatMap((lease) => (lease === null ? [] : [`${lease.id} chat/${replica} slot ${lease.slot}`])),
    );
  }

  /** Who waits, the next one first. */
  get waiting(): string[] {
    const { agingMs } = currentSpec(this.state).queue;
    return inOrder(this.state.tickets, { nowMs: this.nowMs, agingMs }).map(({ holder }) => holder);
  }

  ticket(holder: string): Ticket {
    const ticket = this.state.tickets.find((one) => one.holder === holder);
    if (ticket === undefined) throw new Error(`${holder} does not wait`);
    return ticket;
  }

  about = (held: Held) => ({ id: held.lease.id, seat: held.seat, token: held.lease.token });
  renew = (held: Held, ttlMs: number | null = null): string => this.ask({ type: 'renew', ...this.about(held), ttlMs }).is;
  release = (held: Held, engineFailed = false): string => this.ask({ type: 'release', ...this.about(held), engineFailed }).is;
  releases = (...holders: readonly string[]): string[] => holders.map((holder) => this.release(this.held(holder)));
  leave = (holder: string): string => this.ask({ type: 'leave', ticketId: `t-${holder}` }).is;
  watch = (holder: string, watchers: 1 | -1 = 1): string => this.ask({ type: 'watch', ticketId: `t-${holder}`, watchers }).is;

  pause = (replica: number | null = null): string => this.tell({ do: 'pause', replica });
  resume = (replica: number | null = null): string => this.tell({ do: 'resume', replica });
  drain = (replica: number | null = null, deadlineS: number | null = null, extend = false): string =>
    this.tell({ do: 'drain', replica, deadlineMs: deadlineS === null ? null : deadlineS * 1_000, extend });
  stopNow = (replica: number | null = null): string => this.tell({ do: 'stop', replica, now: true });

  /** What `explain` says by these rules. */
  explained(...rules: readonly string[]): string[] {
    const all = explanations(this.state, null, gatesAt(this.state, this.nowMs));
    return all.filter(({ rule }) => rules.includes(rule)).map(({ subject, rule, says }) => `${subject} ${rule}: ${says}`);
  }

  /** `ann expired`: how leases have ended, in that order. */
  get ends(): string[] {
    return this.#ended.map(({ held, how }) => `${held.lease.id} ${how}`);
  }

  end(holder: string): EndedLease {
    const found = this.#ended.find(({ held }) => held.lease.id === holder);
    if (found === undefined) throw new Error(`cannot find the end of the lease of ${holder}`);
    return found;
  }

  /** `ann granted`: how places in the queue have ended. */
  get left(): string[] {
    return this.#left.map(({ ticket, state, refused }) => `${ticket.holder} ${refused?.code ?? state}`);
  }

  get #ended(): EndedLease[] {
    return this.effects.flatMap((effect) => (effect.do === 'leaseEnded' ? [effect.ended] : []));
  }

  get #left(): EndedTicket[] {
    return this.effects.flatMap((effect) => (effect.do === 'ticketEnded' ? [effect.ended] : []));
  }

  #holds(): void {
    const { state, nowMs } = this;
    this.#rows.take(state);
    this.#once();
    for (const engine of allEngines(state)) {
      const { phase, seats } = engine;
      const slots = 'run' in phase ? specOf(state, phase.run.specId).slots : 0;
      const leases = seats.filter((lease) => lease !== null);
      if (leases.length > slots) throw new Error(`${leases.length} leases sit in ${slots} slots`);
      if (seats.some((lease, slot) => lease !== null && lease.slot !== slot)) throw new Error('a lease sits in another slot than its own');
      if (leases.length > 0 && phase.is !== 'ready' && phase.is !== 'unready' && !state.restoring)
        throw new Error(`leases are held on an engine that is ${phase.is}`);
    }
    if (state.restoring) return;
    if (state.tickets.length > 0 && engineFor(state, { nowMs, queued: true }) !== null)
      throw new Error('a slot is free, and somebody waits');
    if (state.tickets.some(({ timeoutMs }) => timeoutMs <= nowMs)) throw new Error('somebody waits beyond his timeout');
    if (state.engines.some(({ closing, phase }) => closing !== null && phase.is === 'ready' && closing.deadlineMs <= nowMs)) {
      throw new Error('an engine is ready at the deadline of its drain');
    }
  }

  /** Each lease is granted once and ends once; tokens rise; nobody is granted an engine twice. */
  #once(): void {
    const fresh = this.happenings.slice(this.#checked);
    this.#checked = this.happenings.length;
    for (const { type, facts } of fresh) {
      if (type !== 'lease.granted') continue;
      const token = allEngines(this.state)
        .flatMap(({ seats }) => seats)
        .find((lease) => lease?.id === facts.lease)?.token;
      if (token === undefined) continue;
      if (token <= this.#lastToken) throw new Error(`the token ${token} came after ${this.#lastToken}`);
      this.#lastToken = token;
    }
    const ended = this.#ended.map(({ held }) => held.lease.id);
    if (new Set(ended).size < ended.length) throw new Error(`a lease has ended twice: ${ended.join(' ')}`);
  }
}

function said(answer: LeaseAnswer): string {
  if (answer.is === 'refused') return answer.refused.code;
  if (answer.is !== 'granted') return answer.is;
  const { seat } = answer.held;
  return `granted chat/${seat.replica}.${seat.generation} slot ${seat.slot}`;
}
