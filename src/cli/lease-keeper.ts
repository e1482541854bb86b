/**
 * Keeps a lease while a command runs, and learns when it is gone.
 *
 * What counts is only how a renewal is answered. Renewals come at a third of the TTL, and at once when the event stream names the lease. The stream
 * was taken rather than `attach`: a lease bound to a connection ends with it, so a cut connection or a restart of the daemon would cost the
 * lease, while a broken event stream only makes the news as late as the next renewal.
 */
import { ClientError } from '../client/client-error.ts';
import type { Timer } from '../clock.ts';
import type { Event } from '../events/event.ts';
import type { Granted } from '../lease/lease.ts';
import type { Session } from './session.ts';
import { relative, sameMoment, span } from './times.ts';

const RENEWALS_PER_TTL = 3;
/** Once a renewal has failed. */
const RETRIES_PER_TTL = 15;
const RETRY_MS = { least: 50, most: 1_000 } as const;
const LISTEN_AGAIN_MS = 500;
/** Of these nothing is to be learnt. */
const NO_NEWS = ['lease.granted', 'lease.renewed'];

export interface KeeperEars {
  /** Once, when it is no longer ours and whoever uses it has to stop. Never for one that was released. */
  lost(why: string): void;
  /** For people. */
  says(message: string): void;
}

export class LeaseKeeper {
  readonly #session: Session;
  readonly #lease: Pick<Granted, 'id' | 'token' | 'pool' | 'engine' | 'ttlMs'>;
  readonly #ears: KeeperEars;
  readonly #over = new AbortController();
  #renewal: Timer | null = null;
  #expiry: Timer | null = null;
  #listening: Timer | null = null;
  #asking = false;
  #askAgain = false;
  #released = false;
  #failing = false;
  #drainSaid: { readonly deadlineAt: string | null } | null = null;

  constructor(session: Session, lease: Granted, ears: KeeperEars) {
    this.#session = session;
    this.#lease = lease;
    this.#ears = ears;
    this.#tell(lease);
    this.#holds({ fromMs: session.clock.nowMs(), ttlMs: lease.ttlMs });
    void this.#listen();
  }

  /** Somebody has released it meanwhile, as the command itself may. */
  get released(): boolean {
    return this.#released;
  }

  stop(): void {
    this.#renewal?.cancel();
    this.#expiry?.cancel();
    this.#listening?.cancel();
    this.#over.abort();
  }

  /** Counted from when we asked, so it is over for us before it is for the daemon. */
  #holds({ fromMs, ttlMs }: { readonly fromMs: number; readonly ttlMs: number }): void {
    const { clock } = this.#session;
    this.#expiry?.cancel();
    this.#expiry = clock.after(fromMs + ttlMs - clock.nowMs(), () => this.#end(`it could not be renewed within its TTL of ${span(ttlMs)}`));
    this.#plan(fromMs + ttlMs / RENEWALS_PER_TTL - clock.nowMs());
  }

  #plan(delayMs: number): void {
    this.#renewal?.cancel();
    this.#renewal = this.#session.clock.after(delayMs, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    if (this.#asking) {
      this.#askAgain = true;
      return;
    }
    this.#asking = true;
    await this.#askOnce();
    this.#asking = false;
    if (!this.#askAgain || this.#over.signal.aborted) return;
    this.#askAgain = false;
    void this.#renew();
  }

  async #askOnce(): Promise<void> {
    const { id, token, ttlMs } = this.#lease;
    const fromMs = this.#session.clock.nowMs();
    try {
      const renewed = await this.#session.leases.renew(id, { token, ttlMs: null }, this.#over.signal);
      if (this.#over.signal.aborted) return;
      if (this.#failing) this.#ears.says(`lease ${id} is renewed again`);
      this.#failing = false;
      this.#tell(renewed);
      this.#holds({ fromMs, ttlMs: renewed.ttlMs });
    } catch (error) {
      if (this.#over.signal.aborted) return;
      if (!(error instanceof ClientError)) throw error;
      if (isGone(error)) return this.#gone(error);
      if (!this.#failing) this.#ears.says(`cannot renew lease ${id} yet: ${error.message}`);
      this.#failing = true;
      this.#plan(Math.min(RETRY_MS.most, Math.max(RETRY_MS.least, ttlMs / RETRIES_PER_TTL)));
    }
  }

  #gone(error: ClientError): void {
    this.#released ||= error.facts.reason === 'released';
    if (this.#released) this.stop();
    else this.#end(error.message);
  }

  #end(why: string): void {
    if (this.#over.signal.aborted) return;
    this.stop();
    this.#ears.lost(why);
  }

  /** A drain is said once, and again when its deadline moves. */
  #tell({ draining, deadlineAt }: { readonly draining: boolean; readonly deadlineAt: string | null }): void {
    const { id, engine } = this.#lease;
    const says = draining ? { deadlineAt } : null;
    const before = this.#drainSaid;
    if (says === before || (says !== null && before !== null && sameMoment(says.deadlineAt, before.deadlineAt))) return;
    this.#drainSaid = says;
    if (!draining) this.#ears.says(`${engine.id} is no longer draining: lease ${id} stays`);
    else if (deadlineAt === null) this.#ears.says(`${engine.id} is draining: lease ${id} will be taken away`);
    else
      this.#ears.says(`${engine.id} is draining: lease ${id} ends ${relative(deadlineAt, this.#session.clock.wallMs())}, at ${deadlineAt}`);
  }

  async #listen(): Promise<void> {
    const { client } = this.#session;
    const { pool } = this.#lease;
    while (!this.#over.signal.aborted) {
      try {
        for await (const message of client.events({ follow: true, pool, type: 'lease' }, this.#over.signal)) {
          if (message.is !== 'event') void this.#renew();
          else if (this.#isNews(message.event)) void this.#renew();
        }
      } catch {
        // The renewals go on without it, and say what is wrong.
      }
      if (!this.#over.signal.aborted) await this.#rest();
    }
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#listening = this.#session.clock.after(LISTEN_AGAIN_MS, resolve);
    });
  }

  /** Whatever name the fact has that carries the id: no two things have the same one. */
  #isNews(event: Event): boolean {
    if (NO_NEWS.includes(event.type) || !Object.values(event).includes(this.#lease.id)) return false;
    this.#released ||= event.type === 'lease.released';
    return true;
  }
}

/** The daemon is sure that it is not ours: everything else may pass. */
export function isGone({ code }: ClientError): boolean {
  return code === 'lease_ended' || code === 'lease_not_found' || code === 'stale_token';
}
