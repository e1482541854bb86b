/** One thing after another that happens to a world from outside: crashes, hangs, moods, persons, deaths of the daemon, reboots. Each can be left out. */
import { isLive } from '../../src/engine/engine-state.ts';
import type { PoolEvent } from '../../src/pool/pool-events.ts';
import { generationIn } from '../../src/pool/turn.ts';
import type { Dice, Stream } from './dice.ts';
import { between, chance, pick, whole } from './dice.ts';
import type { Step } from './ground.ts';
import type { Luck, Mood } from './luck.ts';
import { Meddling } from './meddling.ts';
import type { Occasion } from './people.ts';
import { randomCommand } from './people.ts';
import type { Process } from './processes.ts';
import type { Kind } from './slot-kinds.ts';
import { KINDS, KINDS_AMONG_USERS } from './slot-kinds.ts';
import { changedSpec } from './specs.ts';
import type { End } from './traits.ts';
import type { World } from './world.ts';

/** What no adapter can say again: a start of the daemon does, or the gate. */
const SAID_ONCE: ReadonlySet<PoolEvent['type']> = new Set(['adopted', 'endedMeanwhile', 'neverStarted', 'unproven', 'spawnGranted']);

/** Of one schedule. */
const CLIENTS_MAX = 16;

export interface SlotsOptions {
  readonly world: World;
  readonly dice: Dice;
  readonly luck: Luck;
  readonly note: (text: () => string) => void;
  /** Slots that may only harm this replica of each pool, or null. */
  readonly victim: number | null;
  readonly amongUsers: boolean;
  /** After so many nothing happens any more. */
  readonly slotsMax: number;
  readonly onShutdown: (engines: 'stop' | 'keep') => void;
}

export class Slots {
  count = 0;
  readonly #given: SlotsOptions;
  /** Messages that may come again, late. */
  readonly #mail: { readonly pool: string; readonly event: PoolEvent }[] = [];
  readonly #meddling: Meddling;
  #neighbourMs = 0;
  #away = 0;

  constructor(given: SlotsOptions) {
    this.#given = given;
    const done = (kind: Kind, draw: Stream, pool: string): void => {
      if (kind === 'command') this.#command(draw, pool, 'meddling');
      else if (kind === 'race') this.#race(draw, pool);
      else this.#do(kind, draw);
    };
    this.#meddling = new Meddling({ ...given, done });
    given.world.onDeath = () => this.#daemonIsGone();
  }

  /** What was said once may be said again: duplicates and stragglers. */
  heard({ pool, event, lives }: Step): void {
    this.#meddling.heard(pool, lives);
    if (!('generation' in event) || SAID_ONCE.has(event.type)) return;
    this.#mail.push({ pool, event });
    if (this.#mail.length > 40) this.#mail.shift();
  }

  begin(): void {
    const { ground } = this.#given.world;
    const next = (): void => {
      if (this.#given.luck.calm) return;
      this.#happen();
      ground.agenda.addLasting(ground.nowMs + this.#gapMs(), next);
    };
    ground.agenda.addLasting(ground.nowMs + 500, next);
  }

  #happen(): void {
    this.count += 1;
    const { dice, slotsMax } = this.#given;
    if (this.count > slotsMax || !dice.upset(1, 'slot', this.count)) return;
    const draw = dice.stream('slotKind', this.count);
    // Those who use it come first: there is nothing to drain before.
    const users = this.#given.amongUsers && this.count <= 2;
    const kind = users ? 'clients' : pick<Kind>(draw, this.#given.amongUsers ? KINDS_AMONG_USERS : KINDS);
    this.#given.note(() => `-- slot:${this.count} ${kind}`);
    this.#do(kind, draw);
  }

  #gapMs(): number {
    const draw = this.#given.dice.stream('slotGap', this.count);
    return chance(draw, 0.3) ? between(draw, 0, 200) : chance(draw, 0.15) ? between(draw, 10_000, 90_000) : between(draw, 200, 6_000);
  }

  #do(kind: Kind, draw: Stream): void {
    const handlers: Readonly<Record<Kind, (draw: Stream) => void>> = {
      crash: () => this.#crash(draw),
      massCrash: () => this.#massCrash(draw),
      hang: () => this.#hang(draw),
      mood: () => this.#mood(draw),
      poolMood: () => this.#poolMood(draw),
      command: () => this.#command(draw, this.#pool(draw), this.#given.amongUsers ? 'amongUsers' : 'any'),
      cancel: () => this.#cancel(draw),
      daemonDies: () => this.#daemonDies(draw),
      reboot: () => this.#reboot(draw),
      wallJumps: () => this.#wallJumps(draw),
      stranger: () => this.#strangers(draw),
      early: () => this.#ticksEarly(),
      again: () => this.#saidAgain(draw),
      fileChanges: () => this.#fileChanges(draw),
      clients: () => this.#clients(draw),
      clientFails: () => this.#clientFails(draw),
      race: () => this.#race(draw, this.#pool(draw)),
      revoke: () => this.#revoke(draw),
      shutdown: () => this.#given.onShutdown(pick(draw, ['stop', 'keep'])),
    };
    handlers[kind](draw);
  }

  #massCrash(draw: Stream): void {
    const { victim, world } = this.#given;
    if (victim !== null) return;
    for (const process of this.#targets()) if (chance(draw, 0.8)) world.ground.processes.end(process, { code: 1, signal: null });
  }

  #clients(draw: Stream): void {
    const { world, victim, amongUsers } = this.#given;
    const most = amongUsers ? 2 * CLIENTS_MAX : CLIENTS_MAX;
    if (victim === null && (world.clients?.all.length ?? 0) < most)
      world.clients?.come(this.#pool(draw), amongUsers ? whole(draw, 3, 9) : whole(draw, 1, 5), this.count);
  }

  #clientFails(draw: Stream): void {
    for (const client of this.#given.world.clients?.some(draw) ?? []) {
      if (chance(draw, 0.4)) client.dies();
      else client.freezes(between(draw, 100, 12_000));
    }
  }

  /** Everybody at the very moment when time decides something. */
  #race(draw: Stream, pool: string): void {
    const { world } = this.#given;
    const state = world.daemon?.states.get(pool);
    if (state === undefined) return;
    const deadlines = state.engines.flatMap(({ closing }) => (closing === null ? [] : [closing.deadlineMs]));
    const [deadlineMs] = chance(draw, 0.6) ? deadlines : [];
    const dueMs = deadlineMs ?? world.machine.dueMs(state, world.ground.nowMs);
    const atMs = Number.isFinite(dueMs) ? Math.max(dueMs, world.ground.nowMs) : world.ground.nowMs;
    for (const client of world.clients?.of(pool) ?? []) if (chance(draw, 0.7)) client.actsAt(atMs);
  }

  #revoke(draw: Stream): void {
    for (const client of this.#given.world.clients?.some(draw) ?? []) {
      if (client.lease !== null) this.#given.world.daemon?.api?.revoke(client.lease.lease.id);
    }
  }

  #hang(draw: Stream): void {
    for (const process of this.#one(draw)) process.hangs = true;
  }

  #mood(draw: Stream): void {
    this.#given.luck.moodPut(this.#pool(draw), this.#given.victim ?? whole(draw, 0, 3), pick(draw, ['good', 'mixed', 'bad', 'bad']));
  }

  #daemonDies(draw: Stream): void {
    this.#given.luck.doom = { inSteps: whole(draw, 1, 6), point: pick(draw, [0, 1, 2, 3, 4, 5, 6, 9]) };
  }

  #wallJumps(draw: Stream): void {
    this.#given.world.ground.wallSkewMs += between(draw, -7_200_000, 7_200_000);
  }

  #strangers(draw: Stream): void {
    const { strangers, nowMs } = this.#given.world.ground;
    for (const port of [20_000, 20_001, 20_002, 30_000, 30_010])
      if (chance(draw, 0.4)) strangers.set(port, nowMs + between(draw, 1_000, 40_000));
  }

  #ticksEarly(): void {
    const { world } = this.#given;
    for (const pool of [...(world.daemon?.states.keys() ?? [])]) world.send(pool, { type: 'tick' });
  }

  #saidAgain(draw: Stream): void {
    for (const { pool, event } of this.#mail.splice(whole(draw, 0, this.#mail.length), 2)) this.#again(pool, event);
  }

  #pool(draw: Stream): string {
    const names = [...this.#given.world.ground.file.keys()];
    return names[whole(draw, 0, names.length - 1)] ?? '';
  }

  /** Beside a victim its neighbours die too, one at a time and seldom. */
  #targets(): Process[] {
    const { victim, world } = this.#given;
    const { ground } = world;
    const neighbour = ground.nowMs - this.#neighbourMs > 120_000;
    if (victim !== null && neighbour) this.#neighbourMs = ground.nowMs;
    return ground.processes.allLiving().filter(({ ref }) => victim === null || (ref.replica === victim) === !neighbour);
  }

  #one(draw: Stream): Process[] {
    const all = this.#targets();
    return all.slice(whole(draw, 0, Math.max(0, all.length - 1))).slice(0, 1);
  }

  #crash(draw: Stream): void {
    const how = pick<End>(draw, [
      { code: 1, signal: null },
      { code: 0, signal: null },
      { code: null, signal: 'SIGKILL' },
      { code: null, signal: 'SIGSEGV' },
    ]);
    const oom = chance(draw, 0.1);
    for (const process of this.#one(draw)) this.#given.world.ground.processes.end(process, how, oom);
  }

  #poolMood(draw: Stream): void {
    if (this.#given.victim !== null) return;
    const pool = this.#pool(draw);
    const mood = pick<Mood>(draw, ['good', 'mixed', 'bad']);
    for (let replica = 0; replica < 4; replica += 1) this.#given.luck.moodPut(pool, replica, mood);
  }

  #command(draw: Stream, pool: string, occasion: Occasion): void {
    const { world, victim, note } = this.#given;
    if (victim !== null || world.daemon === null || !world.ground.disk.has(pool)) return;
    const command = randomCommand(draw, world.state(pool), occasion);
    const refused = world.command(pool, command);
    note(() => `   ${JSON.stringify(command)} for ${pool}: ${refused ?? 'begun'}`);
  }

  #cancel(draw: Stream): void {
    const { world } = this.#given;
    const pool = this.#pool(draw);
    const operation = world.ground.disk.get(pool)?.operations.find(({ kind }) => ['restart', 'reload', 'drain'].includes(kind));
    if (operation === undefined) return;
    const stamp = { by: 'ops@tty2', atMs: world.ground.wallMs, reason: null };
    world.send(pool, { type: 'cancel', operationId: operation.id, stamp });
  }

  /** A second `exited` or `gone` of the same generation cannot come from an honest adapter; from an older one it is a straggler. */
  #again(pool: string, event: PoolEvent): void {
    const { world } = this.#given;
    const state = world.ground.disk.get(pool);
    if (state === undefined || !('generation' in event)) return;
    const engine = generationIn(state, event);
    const late = engine === undefined || !isLive(engine);
    if (late || event.type === 'spawned' || event.type === 'preflown') world.send(pool, event);
  }

  #fileChanges(draw: Stream): void {
    const { world } = this.#given;
    const pool = this.#pool(draw);
    const entry = world.ground.file.get(pool);
    const known = entry ?? world.ground.disk.get(pool)?.specs[world.ground.disk.get(pool)?.specId ?? ''];
    if (this.#given.victim !== null || known === undefined || known === null) return;
    const spec = chance(draw, 0.2) ? null : changedSpec(draw, known);
    world.ground.file.set(pool, spec);
  }

  #reboot(draw: Stream): void {
    const { world } = this.#given;
    const upMs = between(draw, 5_000, 60_000);
    world.onDeath = () => {};
    world.daemon?.die();
    world.ground.reboot(upMs);
    world.onDeath = () => this.#daemonIsGone();
    world.boot();
  }

  #daemonIsGone(): void {
    this.#away += 1;
    const { world, dice, note } = this.#given;
    const draw = dice.stream('away', this.#away);
    const awayMs = chance(draw, 0.5) ? between(draw, 0, 2_000) : between(draw, 2_000, 60_000);
    note(() => `-- the daemon is dead, the next comes in ${Math.round(awayMs)} ms`);
    world.ground.agenda.addLasting(world.ground.nowMs + awayMs, () => {
      if (world.daemon === null) world.boot();
    });
  }
}
