/** Invariants 26 to 30: who is next, that every wait ends in its time and once, that no more wait than may, and that nobody waits beside a free slot. */
import type { Ticket } from '../../../src/admission/admission-state.ts';
import type { EndedTicket } from '../../../src/lease/lease-events.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { takes, ticketOf } from './leasing.ts';
import { specNow } from './questions.ts';

const PRIORITY_MAX = 9;

interface Waiting {
  readonly id: string;
  readonly priority: number;
  /** In the order of arrival. */
  readonly order: number;
  readonly queuedMs: number;
  readonly timeoutMs: number;
  watchers: number;
  seenMs: number;
}

export class QueueRule implements Rule {
  /** Per pool, in the order of arrival. */
  readonly #queues = new Map<string, Waiting[]>();
  readonly #ended = new Set<string>();
  #order = 0;

  booting(): void {
    this.#queues.clear();
  }

  stepped(step: Step): void {
    refusedRightly(step);
    const queue = this.#of(step.pool);
    for (const happening of step.leasing) {
      if (happening.is === 'queued') this.#queued(step, queue);
      else if (happening.is === 'out') this.#out(step, queue, happening.ended);
    }
    this.#asked(step, queue);
    const { tickets } = step.after;
    const ids = (all: readonly { readonly id: string }[]): string => all.map(({ id }) => id).join();
    must(
      queue.length === tickets.length && queue.every(({ id }, at) => tickets[at]?.id === id),
      'waits',
      () => `${ids(tickets)} wait for ${step.pool}, after all that was told it is ${ids(queue)}`,
    );
    if (step.after.restoring || queue.length === 0) return;
    for (const waiting of queue) {
      const dueMs = dueOf(step, waiting);
      must(dueMs > step.nowMs, 'waits', () => `${waiting.id} was to wait until ${dueMs}, it is ${step.nowMs}`);
    }
    hopeful(step);
    const free = step.after.engines.find((engine) => takes(step.after, engine, { nowMs: step.nowMs, queued: true }));
    must(
      free === undefined,
      'wakeUp',
      () => `${queue.length} wait for ${step.pool} after ${step.event.type}, and ${step.pool}/${free?.replica} has a slot free`,
    );
  }

  #of(pool: string): Waiting[] {
    const known = this.#queues.get(pool);
    if (known !== undefined) return known;
    const made: Waiting[] = [];
    this.#queues.set(pool, made);
    return made;
  }

  #queued(step: Step, queue: Waiting[]): void {
    const { event, nowMs } = step;
    if (event.type !== 'acquire') return must(false, 'waits', () => `somebody is queued by ${event.type}`);
    const { wanted, paused, shuttingDown } = step.after;
    must(
      wanted.state === 'running' && paused === null && !shuttingDown,
      'drains',
      () => `${event.ticketId} is queued, and ${step.pool} is ${wanted.state} and takes nobody new`,
    );
    const { limit, timeoutMs } = specNow(step.after).queue;
    must(queue.length < limit, 'queueLimit', () => `${queue.length + 1} wait for ${step.pool}, ${limit} may`);
    const ticket = ticketOf(step, event.ticketId);
    must(
      ticket?.priority === event.priority,
      'fifo',
      () => `${event.ticketId} was asked for with priority ${event.priority}, it has ${ticket?.priority}`,
    );
    this.#order += 1;
    const waits = event.patience === 'ticket' || event.patience === 'refuse' ? timeoutMs : event.patience.waitMs;
    const watchers = event.patience === 'ticket' && event.bind === 'ttl' ? 0 : 1;
    const { ticketId: id, priority } = event;
    queue.push({ id, priority, order: this.#order, queuedMs: nowMs, timeoutMs: nowMs + waits, watchers, seenMs: nowMs });
  }

  #out(step: Step, queue: Waiting[], { ticket: { id }, state }: EndedTicket): void {
    const at = queue.findIndex((waiting) => waiting.id === id);
    const [waiting] = at < 0 ? [] : queue.splice(at, 1);
    must(
      waiting !== undefined && !this.#ended.has(id),
      'left',
      () => `${id} is out of the queue of ${step.pool} (${state}) and was not in it`,
    );
    this.#ended.add(id);
    if (waiting === undefined) return;
    const { nowMs, event } = step;
    if (state === 'expired')
      must(nowMs >= waiting.timeoutMs, 'waits', () => `${id} may wait until ${waiting.timeoutMs}, it is out at ${nowMs}`);
    const asked =
      'ticketId' in event && event.ticketId === id && (event.type === 'leave' || (event.type === 'hungUp' && waiting.watchers <= 1));
    if (state === 'left') must(asked || nowMs >= dueOf(step, waiting), 'waits', () => `${id} was watched and has left by ${event.type}`);
    if (state !== 'granted') return;
    const first = nextOf(step, [...queue, waiting]);
    must(first === waiting, 'fifo', () => `${id} is promoted before ${first?.id}, which is next`);
  }

  #asked({ event, nowMs }: Step, queue: readonly Waiting[]): void {
    if (!('ticketId' in event) || event.type === 'acquire') return;
    const waiting = queue.find(({ id }) => id === event.ticketId);
    if (waiting === undefined || event.type === 'leave') return;
    waiting.seenMs = nowMs;
    if (event.type === 'watch') waiting.watchers = Math.max(0, waiting.watchers + event.watchers);
    if (event.type === 'hungUp') waiting.watchers -= 1;
  }
}

/** The highest priority first, raised by one for each `aging`; first come, first served within it. */
function nextOf({ after, nowMs }: Step, queue: readonly Waiting[]): Waiting | undefined {
  const { agingMs } = specNow(after).queue;
  const rank = ({ priority, queuedMs }: Waiting): number =>
    Math.min(PRIORITY_MAX, priority + (agingMs === 0 ? 0 : Math.floor((nowMs - queuedMs) / agingMs)));
  return queue.toSorted((one, other) => rank(other) - rank(one) || one.order - other.order)[0];
}

function dueOf({ after }: Step, { watchers, timeoutMs, seenMs }: Pick<Ticket, 'watchers' | 'timeoutMs' | 'seenMs'>): number {
  return watchers > 0 ? timeoutMs : Math.min(timeoutMs, seenMs + specNow(after).queue.claimMs);
}

/** Nobody waits for what cannot come: a stopped pool, a drain that is over, engines that are all taken away. */
function hopeful(step: Step): void {
  const { after, nowMs, pool } = step;
  const says = (why: string) => () => `${after.tickets.length} wait for ${pool} after ${step.event.type}: ${why}`;
  must(!after.shuttingDown, 'waits', says('the daemon is stopping'));
  must(after.wanted.state !== 'stopped', 'waits', says('it is stopped'));
  const serves = after.engines.some(
    ({ phase, closing }) => phase.is === 'ready' && (closing === null || (closing.takesQueue && nowMs < closing.deadlineMs)),
  );
  must(after.wanted.state !== 'drained' || serves, 'waits', says('it is drained, and no engine of it takes anybody'));
  const comes = after.engines.some(
    ({ replica, held }) => held === null && (after.replicas.members?.includes(replica) ?? replica < after.replicas.count),
  );
  must(serves || comes || after.wanted.state !== 'running', 'waits', says('none of its engines is wanted'));
}

/** A refusal because of a full queue has one. */
function refusedRightly({ answers, after, pool }: Step): void {
  for (const answer of answers) {
    if (answer.is !== 'refused' || answer.refused.code !== 'queue_full') continue;
    const { limit } = specNow(after).queue;
    const { length } = after.tickets;
    must(length >= limit, 'queueLimit', () => `somebody is refused, ${length} wait for ${pool} and ${limit} may`);
  }
}
