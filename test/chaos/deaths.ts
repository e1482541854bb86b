/** Death of the daemon: fifty engines, many clients, and a daemon that is killed, started again, and killed again. */

import { ClientError } from '../../src/client/client-error.ts';
import { pause, systemClock } from '../../src/clock.ts';
import type { PoolStatus } from '../../src/pool/status.ts';
import { Rig, until } from '../machine/rig.ts';
import { Dice } from '../sim/dice.ts';
import { accountsOf, heldUntil } from './account.ts';
import { check, told } from './check.ts';
import { ChaosClient } from './client.ts';
import { doorOpened } from './door.ts';
import { adoptionViolations, journalViolations, processViolations, toldViolations } from './engines.ts';
import type { Figures } from './figures.ts';
import { noFigures } from './figures.ts';
import type { History, Life, Operation, Violation } from './history.ts';
import { Mover } from './mover.ts';
import { MOVING, poolsOf, portsOfThisRun, STEADY, steadyProcesses } from './pools.ts';
import type { Death } from './schedule.ts';
import { deathOf, namedDeath } from './schedule.ts';
import { trimmed } from './trim.ts';
import { listingOf, revoked, verified } from './watch.ts';

const CLIENTS = 32;
/** The watch revokes what is held for longer. */
const OLD_MS = 5_000;
/** A daemon that does not come by its failpoint is killed after so long. */
const LONGEST_LIFE_MS = 2_000;

export interface DeathsOptions {
  readonly kills: number;
  readonly seed: number;
  readonly told: (line: string) => void;
  /** Whether to come to an end before all are killed. */
  readonly enough?: () => boolean;
}

export async function runDeaths({ kills, seed, told: say, enough = () => false }: DeathsOptions): Promise<Figures> {
  const rig = new Rig(poolsOf(), { ports: portsOfThisRun() });
  const deaths = new Deaths(rig, { seed, say });
  try {
    await deaths.begin();
    for (let kill = 1; kill <= kills && !enough(); kill += 1) {
      await deaths.kill(kill);
      if (kill % 10 === 0) say(`${kill} kills, ${deaths.figures.answered} answers, ${deaths.figures.violations.length} violations`);
    }
    await deaths.end();
    return deaths.figures;
  } finally {
    deaths.abandon();
    await rig.tidyUp();
  }
}

class Deaths {
  readonly figures = noFigures();
  readonly #rig: Rig;
  readonly #seed: number;
  readonly #told: (text: string) => void;
  #history: History = { floors: new Map(), operations: [], listings: [], lives: [], moves: [] };
  #clients: Promise<unknown> = Promise.resolve();
  readonly #movers: readonly Mover[];
  #over = false;
  #abandoned = false;
  #pools: readonly PoolStatus[] = [];
  #processes: readonly number[] = [];
  #open = Promise.withResolvers<void>();
  #fromMs = 0;
  #last = { kill: 0, death: 'the first' };

  constructor(rig: Rig, { seed, say }: { readonly seed: number; readonly say: (text: string) => void }) {
    this.#rig = rig;
    this.#seed = seed;
    this.#told = say;
    this.#movers = this.#madeMovers();
  }

  /** The engines are started, and the first daemon dies like any other. */
  async begin(): Promise<void> {
    await this.#rig.start();
    for (const pool of [...STEADY, ...MOVING.map(({ pool }) => pool)]) await this.#rig.poolReaches(pool, 'running');
    await this.#rig.endDaemon('SIGKILL');
    this.#processes = steadyProcesses(this.#rig);
    await this.#rig.start();
    this.#pools = await this.#steady();
    await this.#rig.endDaemon('SIGKILL');
    this.#fromMs = systemClock.nowMs();
    this.#clients = Promise.all([...this.#made(), ...this.#movers].map((one) => one.run(() => this.#over)));
    // What a client throws is thrown at the end.
    this.#clients.catch(() => {});
  }

  /** A daemon, its life and its death. */
  async kill(kill: number): Promise<void> {
    const death = deathOf(this.#seed, kill);
    this.#last = { kill, death: namedDeath(death) };
    const life = await this.#lives(death);
    await this.#dies(life, death);
    this.#broken(processViolations(this.#processes, steadyProcesses(this.#rig)));
    this.#judge();
    this.figures.kills = kill;
    this.figures.by[death.by] += 1;
  }

  /** The last one lives on: what is held is given back or runs out, and nothing is left. */
  async end(): Promise<void> {
    this.#last = { kill: this.figures.kills, death: 'none, the last' };
    await this.#lives(null);
    this.#over = true;
    await this.#clients;
    this.figures.seconds = (systemClock.nowMs() - this.#fromMs) / 1_000;
    await this.#givenBack();
    this.#judge();
    this.#broken([
      ...this.#journal(),
      ...adoptionViolations(this.figures.adoptedMs),
      ...processViolations(this.#processes, steadyProcesses(this.#rig)),
      ...toldViolations(this.#pools, await this.#steady()),
    ]);
    // What is left then belongs to nobody.
    await this.#rig.endsClean().catch((error: Error) => this.#broken([{ promise: 'one-process-per-replica', says: error.message }]));
  }

  /** Clients have let go of all that they had, and the longest TTL is over soon. */
  async #givenBack(): Promise<void> {
    const none = until('nothing is held any more', async () => (await listingOf(this.#rig)).leases.length === 0);
    await none.catch(async () => {
      const left = (await listingOf(this.#rig)).leases;
      this.#broken(
        left.map(({ lease, holder }) => ({ promise: 'ended-for-good', says: `${lease} of ${holder} is held by nobody, without end` })),
      );
    });
  }

  abandon(): void {
    this.#over = true;
    this.#abandoned = true;
    this.#open.resolve();
  }

  #made(): ChaosClient[] {
    const dice = new Dice({ seed: this.#seed, only: null });
    return Array.from({ length: CLIENTS }, (_, index) => {
      const admin = index % 4 === 0;
      return new ChaosClient({
        name: `c${index}`,
        socketPath: this.#rig.path('run', admin ? 'api.sock' : 'lease.sock'),
        admin,
        pools: STEADY,
        moving: MOVING.map(({ pool }) => pool),
        draw: dice.stream('client', index),
        record: (operation) => this.#record([operation]),
        ended: ({ answer }) => {
          if (answer.is === 'none') this.figures.unanswered += 1;
          else this.figures.answered += 1;
        },
        open: () => this.#open.promise,
      });
    });
  }

  #madeMovers(): Mover[] {
    const dice = new Dice({ seed: this.#seed, only: null });
    return MOVING.map(
      ({ pool, replicas }, index) =>
        new Mover({
          rig: this.#rig,
          pool,
          replicas,
          draw: dice.stream('mover', index),
          done: this.figures.moves,
          moves: (move) => (this.#history = { ...this.#history, moves: [...this.#history.moves, move] }),
          broken: (violations) => this.#broken(violations),
          open: () => this.#open.promise,
          abandoned: () => this.#abandoned,
        }),
    );
  }

  async #steady(): Promise<PoolStatus[]> {
    return (await this.#rig.client.pools()).filter(({ pool }) => STEADY.includes(pool));
  }

  /** What the engines that come and go have written themselves. */
  #journal(): Violation[] {
    const lines = this.#rig.text('journal').trimEnd().split('\n');
    this.figures.starts = lines.filter((line) => line.startsWith('start ')).length;
    return journalViolations(lines);
  }

  /** Starts the next one, lets the clients in, and looks at what it took up. */
  async #lives(death: Death | null): Promise<Life> {
    const spawnedMs = systemClock.nowMs();
    const daemon = this.#rig.spawnDaemon({ env: death?.by === 'failpoint' ? { POOLD_FAILPOINT: death.point } : {} });
    const killing = systemClock.after(death?.by === 'start' ? death.afterMs : Number.POSITIVE_INFINITY, () => daemon.kill('SIGKILL'));
    const opened = await doorOpened(this.#rig.path('run/lease.sock'), () => daemon.exitCode !== null || daemon.signalCode !== null);
    killing.cancel();
    const life = { spawnedMs, ...opened, diedAfterMs: Number.POSITIVE_INFINITY, diedBeforeMs: Number.POSITIVE_INFINITY };
    this.#history = { ...this.#history, lives: [...this.#history.lives, life] };
    if (life.openMs === null && death?.by === 'moment') throw new Error(`the daemon ended by itself:\n${this.#rig.daemonLog()}`);
    if (life.openMs !== null) {
      this.#open.resolve();
      await this.#look(life).catch((error: unknown) => {
        // One with a failpoint may be gone by now.
        if (death?.by !== 'failpoint' || !(error instanceof ClientError) || error.facts.status !== null) throw error;
      });
    }
    return life;
  }

  async #look({ spawnedMs }: Life): Promise<void> {
    const pools = await this.#steady();
    const adoptedMs = systemClock.nowMs() - spawnedMs;
    this.figures.adoptedMs.push(adoptedMs);
    this.#broken(toldViolations(this.#pools, pools));
    const listing = await listingOf(this.#rig);
    this.#history = { ...this.#history, listings: [...this.#history.listings, listing] };
    const held = accountsOf(this.#history).filter((account) => heldUntil(account, this.#history) > systemClock.nowMs());
    this.#record(await Promise.all(held.map((account) => verified(this.#rig, account))));
    const old = listing.leases.filter(({ heldMs }) => heldMs > OLD_MS);
    this.#record(await Promise.all(old.map((listed) => revoked(this.#rig, listed))));
  }

  async #dies(life: Life, death: Death): Promise<void> {
    if (life.openMs !== null && death.by === 'moment') await pause(systemClock, death.afterMs);
    if (death.by === 'failpoint') await this.#comesBy(death.point.replace(/@.*/, ''));
    // Only of one that we kill we know when it lived still; of any other, that it answered what was asked then: when that is read it may be dead.
    const answered = this.#history.operations.filter(({ answer }) => answer.is !== 'none').map(({ beginMs }) => beginMs);
    const killed = death.by === 'moment' ? systemClock.nowMs() : life.spawnedMs;
    life.diedAfterMs = Math.max(life.spawnedMs, killed, ...answered);
    await this.#rig.endDaemon('SIGKILL');
    life.diedBeforeMs = systemClock.nowMs();
    if (life.openMs !== null) this.#open = Promise.withResolvers();
  }

  /** To its failpoint, or until it has lived for long enough. */
  async #comesBy(point: string): Promise<void> {
    const late = Promise.withResolvers<true>();
    const timer = systemClock.after(LONGEST_LIFE_MS, () => late.resolve(true));
    const missed = await Promise.race([late.promise, this.#rig.daemonEnded()]);
    timer.cancel();
    if (missed === true) this.figures.missed += 1;
    else this.figures.points.set(point, (this.figures.points.get(point) ?? 0) + 1);
  }

  #record(operations: readonly Operation[]): void {
    this.#history.operations.push(...operations);
  }

  #judge(): void {
    this.#broken(check(this.#history));
    this.#history = trimmed(this.#history, systemClock.nowMs());
  }

  /** What the history has about whatever is named there: the same seed does not bring back the same moments. */
  #tell(says: string): void {
    const { operations, lives, moves } = this.#history;
    const about = accountsOf(this.#history).filter(({ lease, holder }) => says.includes(lease) || says.includes(holder));
    const lines = operations.filter((one) =>
      about.some((account) => (one.kind === 'acquire' ? one.holder === account.holder : one.lease === account.lease)),
    );
    const world = [
      `lives ${JSON.stringify(lives.slice(-4))}`,
      `moves ${JSON.stringify(moves.slice(-4))}`,
      this.#rig.daemonLog().slice(-4_000),
    ];
    this.#told([says, ...lines.map(told), ...world].join('\n  '));
  }

  #broken(violations: readonly Violation[]): void {
    const known = new Set(this.figures.violations.map(({ says }) => says));
    const found = violations.filter(({ says }) => !known.has(says));
    this.figures.violations.push(...found.map((one) => ({ ...one, ...this.#last })));
    for (const { says } of found) this.#tell(says);
  }
}
