/** Those who ask for a lease in a round: what each was answered, and when it must have been. */
import { PooldError } from '../../src/errors.ts';
import type { Acquired, AcquireRequest, BoundLine, Granted } from '../../src/lease/lease.ts';
import type { CallerPlan } from './draw-round.ts';
import { BIND } from './draw-round.ts';
import type { RacePool } from './race-pool.ts';

export class Caller {
  readonly plan: CallerPlan;
  readonly name: string;
  /** `granted`, or the code of a refusal; `left`, `granted too late`: it had hung up. One is right. */
  readonly answers: string[] = [];
  /** Monotonic: when it has its answer at the latest. */
  byMs = Number.POSITIVE_INFINITY;
  readonly #race: RacePool;
  readonly #connection = new AbortController();

  constructor(race: RacePool, name: string, plan: CallerPlan) {
    this.#race = race;
    this.name = name;
    this.plan = plan;
  }

  asks(): void {
    const { kind, timeoutMs, pollMs } = this.plan;
    const ownMs = kind === 'rests' ? pollMs : 0;
    this.byMs = this.#race.clock.nowMs() + (kind === 'refuse' || kind === 'forgets' ? 0 : timeoutMs + ownMs);
    const asked = kind === 'bound' ? this.#reads() : this.#waits();
    asked.catch((error: unknown) => {
      if (!(error instanceof PooldError)) this.answers.push(`a fault of ours: ${error instanceof Error ? error.stack : error}`);
      else this.answers.push(this.#connection.signal.aborted && error.code === 'ticket_not_found' ? 'left' : error.code);
    });
  }

  hangsUp(): void {
    this.#connection.abort();
    // Before it has asked nobody owes it an answer, and who rests finds out behind it.
    if (this.byMs !== Number.POSITIVE_INFINITY && this.plan.kind !== 'rests') this.byMs = Math.min(this.byMs, this.#race.clock.nowMs());
  }

  async #waits(): Promise<void> {
    const { kind } = this.plan;
    const first = await this.#race.leases.acquire(this.#race.pool.state.name, this.#request(), this.#connection.signal);
    if (first.outcome === 'granted')
      return this.#connection.signal.aborted ? void this.answers.push('granted too late') : this.#granted(first);
    if (kind === 'forgets') return void this.answers.push('queued');
    if (kind !== 'ticket' && kind !== 'rests') return void this.answers.push('a ticket that was not asked for');
    await this.#asksAfter(first);
  }

  async #asksAfter({ id }: Acquired): Promise<void> {
    const { leases, clock } = this.#race;
    const { kind, pollMs } = this.plan;
    const rests = kind === 'rests';
    for (;;) {
      if (rests) await new Promise<void>((over) => clock.after(this.#connection.signal.aborted ? 0 : pollMs, over));
      if (this.#connection.signal.aborted) {
        await leases.leave(id);
        return void this.answers.push('left');
      }
      const status = await leases.ticket(id, rests ? 0 : pollMs, this.#connection.signal);
      if (status.state === 'queued') continue;
      if (status.lease !== null) this.#granted(status.lease);
      else this.answers.push(status.state === 'granted' ? 'granted and over' : (status.error?.code ?? status.state));
      return;
    }
  }

  async #reads(): Promise<void> {
    const { signal } = this.#connection;
    const lines = this.#race.leases.acquireBound(this.#race.pool.state.name, this.#request(), signal);
    for await (const line of lines) this.#hears(line);
    if (this.answers.length === 0) this.answers.push(signal.aborted ? 'left' : 'the lines ended without an answer');
  }

  #hears(line: BoundLine): void {
    if (line.outcome === 'refused') this.answers.push(line.code);
    if (line.outcome !== 'granted') return;
    this.answers.push('granted');
    const { holdsMs } = this.plan;
    // Its connection is all that it holds by: as no TTL ends it, somebody has to.
    this.#race.clock.after(holdsMs ?? this.plan.ttlMs, () => this.#connection.abort());
  }

  #granted({ id, token }: Granted): void {
    this.answers.push('granted');
    const { leases, clock } = this.#race;
    if (this.plan.holdsMs === null) return;
    clock.after(this.plan.holdsMs, () => void leases.release(id, { by: this.name, claimed: false, operates: false, token }, null));
  }

  #request(): AcquireRequest {
    const { kind, timeoutMs, priority, ttlMs } = this.plan;
    const ticket = kind === 'ticket' || kind === 'rests' || kind === 'forgets' || kind === 'bound';
    const waitMs = kind === 'refuse' ? 0 : ticket ? null : timeoutMs;
    return { holder: this.name, ttlMs, waitMs, ticketMs: timeoutMs, priority, bind: BIND[kind], key: null, client: 'race' };
  }
}
