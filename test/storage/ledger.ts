/** What one client asked of a daemon and was told, and whether the next daemon knows of all that, and of nothing else. */
import { ClientError } from '../../src/client/client-error.ts';
import type { Code } from '../../src/errors.ts';
import type { EngineStatus } from '../../src/pool/status.ts';
import type { Rig } from '../machine/rig.ts';
import type { Stream } from '../sim/dice.ts';
import { chance, whole } from '../sim/dice.ts';

/** Held for longer than any test takes, so that what ends is ended by somebody. */
const TTL_MS = 3_600_000;
const MOST_HELD = 12;
const REPLICAS = 2;

/** `chat` is leased and never touched; `work` is started and stopped by hand. */
export const LEDGER_POOLS = {
  chat: { engine: { command: ['sleep', '1000000'] }, replicas: REPLICAS, slots: 10, readyAfter: '0ms' },
  work: { engine: { command: ['ENGINES/one-per-replica.sh', 'DIR'] }, replicas: REPLICAS, readyAfter: '0ms', stop: { timeout: '1s' } },
};

interface Held {
  readonly id: string;
  readonly token: string;
}

export class Ledger {
  readonly #rig: Rig;
  readonly #draw: Stream;
  readonly #held = new Map<string, Held>();
  readonly #over: Held[] = [];
  readonly #wanted = Array.from({ length: REPLICAS }, () => true);
  readonly #answers = new Map<Code | 'done', number>();
  highestToken = '';
  #asked = 0;

  constructor(rig: Rig, draw: Stream) {
    this.#rig = rig;
    this.#draw = draw;
  }

  /** Ids of the leases that it holds. */
  ids(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** How often each was told, by the code of the refusal or `done`. */
  answers(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#answers);
  }

  /** Asks for one thing. Throws whatever is no refusal that an answer of HTTP has brought. */
  async ask(): Promise<void> {
    this.#asked += 1;
    // Rare, as each brings a start or a stop that goes on behind its answer.
    if (this.#asked % 20 === 0) return this.#command();
    const [oldest] = this.#held.values();
    if (oldest === undefined || (this.#held.size < MOST_HELD && chance(this.#draw, 0.55))) return this.#acquire();
    if (chance(this.#draw, 0.3)) return this.#told(() => this.#rig.client.leases.renew(oldest.id, { token: oldest.token, ttlMs: TTL_MS }));
    return this.#release(oldest);
  }

  acquire(): Promise<void> {
    return this.#acquire();
  }

  /** As the next ledger has to find it. */
  async giveBackAll(): Promise<void> {
    for (const held of [...this.#held.values()]) await this.#release(held);
    for (const [replica, wanted] of this.#wanted.entries()) if (!wanted) await this.#commanded(replica, true);
    await this.settled();
  }

  /** What is not as it was told, in sentences. */
  async broken(): Promise<string[]> {
    const { leases } = this.#rig.client;
    const listed = (await leases.list({ pool: null, holder: null, olderMs: null })).map(({ id }) => id);
    const lost = [...this.#held.keys()].filter((id) => !listed.includes(id)).map((id) => `${id} was granted and is not held`);
    const more = listed.filter((id) => !this.#held.has(id)).map((id) => `${id} is held and was never granted, or given back`);
    const wrong: string[] = [];
    for (const { id, token } of this.#held.values()) {
      await leases.verify(id, token).catch((error: Error) => wrong.push(`${id} is held, but ${error.message}`));
    }
    for (const { id, token } of this.#over) {
      const revived = await leases.verify(id, token).then(
        () => true,
        (error: unknown) => !(error instanceof ClientError && ['lease_ended', 'lease_not_found'].includes(error.code)),
      );
      if (revived) wrong.push(`${id} was given back, and is not over`);
    }
    return [...lost, ...more, ...wrong];
  }

  /** Waits until the engines of `work` are as they were told to be last. A daemon that can store comes to that. */
  async settled(): Promise<void> {
    for (const [replica, wanted] of this.#wanted.entries()) {
      if (wanted) await this.#rig.reaches(`work/${replica}`, 'ready');
      else expectByHand(await this.#rig.reaches(`work/${replica}`, 'stopped'));
    }
  }

  #acquire(): Promise<void> {
    return this.#told(async () => {
      const granted = await this.#rig.client.leases.acquire('chat', {
        holder: 'ledger',
        ttlMs: TTL_MS,
        waitMs: 0,
        priority: null,
        key: null,
      });
      if (granted.outcome !== 'granted') throw new Error(`it was ${granted.outcome} with slots free`);
      const { id, token } = granted;
      if (token <= this.highestToken) throw new Error(`token ${token} came behind ${this.highestToken}`);
      this.highestToken = token;
      this.#held.set(id, { id, token });
    });
  }

  #release(held: Held): Promise<void> {
    return this.#told(async () => {
      const { outcome } = await this.#rig.client.leases.release(held.id, { token: held.token, outcome: null });
      if (outcome !== 'released') throw new Error(`${held.id} was ${outcome} when it was given back`);
      this.#held.delete(held.id);
      this.#over.push(held);
    });
  }

  #command(): Promise<void> {
    const replica = whole(this.#draw, 0, REPLICAS - 1);
    return this.#commanded(replica, this.#wanted[replica] !== true);
  }

  #commanded(replica: number, wanted: boolean): Promise<void> {
    return this.#told(async () => {
      await this.#rig.client.act('work', wanted ? { do: 'start', replica } : { do: 'stop', replica, now: true }, null);
      this.#wanted[replica] = wanted;
    });
  }

  async #told(ask: () => Promise<unknown>): Promise<void> {
    const answer = await ask().then(
      () => 'done' as const,
      (error: unknown) => {
        if (error instanceof ClientError && error.facts.status !== null) return error.code as Code;
        throw error;
      },
    );
    this.#answers.set(answer, (this.#answers.get(answer) ?? 0) + 1);
  }
}

function expectByHand({ id, reason }: EngineStatus): void {
  if (reason !== 'stopped_by_hand') throw new Error(`${id} is stopped for ${reason}, and not by hand`);
}
