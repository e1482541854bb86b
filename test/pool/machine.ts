/** The machine under a scripted pool: processes that behave as the test says, and answers that come back to the daemon at their times. */
import type { PoolSpec } from '../../src/config/spec.ts';
import type { Executable, Exit } from '../../src/engine/engine-state.ts';
import type { EngineRef } from '../../src/engine/identity.ts';
import type { Effect } from '../../src/pool/effects.ts';
import type { PoolEvent } from '../../src/pool/pool-events.ts';
import type { Behaviour } from './behaviour.ts';
import { serves } from './behaviour.ts';
import type { Process } from './world.ts';
import { evidenceOf, newProcess, WALL_MS } from './world.ts';

/** The side of the script that the machine sees. */
export interface Daemon {
  readonly nowMs: number;
  readonly isUp: boolean;
  /** As a preflight finds it. */
  readonly executable: Executable | null;
  send(event: PoolEvent): void;
  note(line: string): void;
  /** Null: the current one. */
  specOf(specId: string | null): PoolSpec | undefined;
  causeOf(about: About): string;
  /** That it was started by; null when it is gone. */
  specIdOf(about: About): string | null;
  /** Which of a replica's two sets of files and ports is the generation's. */
  sideOf(about: About): string;
}

interface Planned {
  readonly atMs: number;
  /** Goes with the daemon; what the machine does by itself stays. */
  readonly daemons: boolean;
  readonly run: () => void;
}

export interface Spawn {
  readonly atS: number;
  readonly replica: number;
  readonly generation: number;
  readonly cause: string;
}

export interface About {
  readonly replica: number;
  readonly generation: number;
}

export class Machine {
  readonly processes: Process[] = [];
  readonly spawns: Spawn[] = [];
  /** How many spawns are between their grant and `releaseSpawn`. */
  places = 0;
  /** How the next starts of a replica go; the last stays. */
  readonly behaviours = new Map<number, readonly Behaviour[]>();
  /** The same by the version of the spec that a start goes by; where one is named for it, it goes before the replica's. */
  readonly byVersion = new Map<string, readonly Behaviour[]>();
  prepares: readonly (string | null)[] = [null];
  /** Which port belongs to which side of a replica. */
  readonly ports = new Map<string, number>();
  readonly #sides = new Map<Process, string>();
  readonly #daemon: Daemon;
  readonly #chosen = new Map<string, Behaviour>();
  #planned: Planned[] = [];

  constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  /** When something happens next by itself, or Infinity. */
  get nextMs(): number {
    return this.#planned[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  happen(): void {
    this.#planned.shift()?.run();
  }

  daemonDied(): void {
    this.places = 0;
    this.#planned = this.#planned.filter(({ daemons }) => !daemons);
    for (const process of this.processes) process.watched = false;
    this.ports.clear();
  }

  wentDown(): void {
    for (const process of this.processes) process.gone = true;
    this.#planned = [];
  }

  processOf({ replica, generation }: About): Process | undefined {
    return this.processes.find(({ ref }) => ref.replica === replica && ref.generation === generation);
  }

  /** The process of a replica that has not left the machine yet: of that generation, or the oldest. */
  live(replica: number, generation?: number): Process {
    const process = this.#living(replica).find(({ ref }) => generation === undefined || ref.generation === generation);
    if (process === undefined) throw new Error(`cannot find a process of chat/${replica}`);
    return process;
  }

  /** The next daemon has found it, and keeps its port for it. */
  kept(about: About, port: number | null): void {
    if (port !== null) this.ports.set(`${about.replica}${this.#daemon.sideOf(about)}`, port);
  }

  exited(process: Process, how: Partial<Exit>): void {
    if (process.exit !== null) return;
    process.exit = { code: null, signal: null, atMs: WALL_MS + this.#daemon.nowMs, seen: 'event', spawnFailure: null, ...how };
    const { replica, generation } = process.ref;
    if (this.#daemon.isUp) this.#daemon.send({ type: 'exited', replica, generation, exit: process.exit });
    if (!process.behaviour.leavesChild) this.treeGone(process);
  }

  treeGone(process: Process): void {
    if (process.gone) return;
    process.gone = true;
    const { replica, generation } = process.ref;
    if (this.#daemon.isUp && process.watched) this.#answer({ type: 'gone', replica, generation, evidence: evidenceOf(process) });
  }

  done(effect: Effect): void {
    switch (effect.do) {
      case 'prepare':
        return this.#prepared(effect.specId);
      case 'preflight':
        return this.#preflown(effect);
      case 'requestSpawn':
        return this.#plan(0, () => this.#granted(effect.ref), true);
      case 'spawn':
        return this.#spawned(effect.ref);
      case 'releaseSpawn':
        this.places -= 1;
        return;
      case 'releasePort':
        this.ports.delete(`${effect.replica}${effect.side}`);
        return;
      case 'probe':
      case 'terminate':
      case 'terminateRest':
      case 'kill':
      case 'awaitGone': {
        const process = this.processOf(effect.ref);
        if (process === undefined) throw new Error(`cannot ${effect.do} chat/${effect.ref.replica}: it was never spawned`);
        return this.#doneTo(process, effect);
      }
      default:
    }
  }

  #doneTo(process: Process, effect: Extract<Effect, { do: 'probe' | 'terminate' | 'terminateRest' | 'kill' | 'awaitGone' }>): void {
    if (effect.do === 'probe') {
      if (effect.phase === 'starting') this.#probed(process);
    } else if (effect.do === 'awaitGone') this.#watched(process);
    else {
      this.#daemon.note(`${effect.do} chat/${process.ref.replica}`);
      if (effect.do !== 'kill') this.#terminated(process);
      else if (!process.behaviour.unkillable) this.#plan(0, () => this.#killed(process), false);
    }
  }

  #prepared(specId: string): void {
    const [failure = null, ...later] = this.prepares;
    if (later.length > 0) this.prepares = later;
    this.#daemon.note('prepare');
    this.#answer({ type: 'prepared', specId, failure }, 1_000);
  }

  #preflown(effect: Extract<Effect, { readonly do: 'preflight' }>): void {
    const { replica, generation } = effect.ref;
    const behaviour = this.#chosenFor(effect);
    this.#chosen.set(`${replica}.${generation}`, behaviour);
    const afterMs = (behaviour.preflightS ?? 0) * 1_000;
    const failure = behaviour.preflight;
    const side = this.#daemon.sideOf(effect.ref);
    const port = effect.port ?? 20_000 + replica + (side === 'a' ? 0 : 1_000);
    this.ports.set(`${replica}${side}`, port);
    const device = this.#daemon.specOf(effect.specId)?.engine.devices?.[replica] ?? null;
    if (failure === undefined)
      this.#answer({ type: 'preflown', replica, generation, port, device, executable: this.#daemon.executable }, afterMs);
    else this.#answer({ type: 'startFailed', replica, generation, class: failure, message: `${failure} at preflight` }, afterMs);
  }

  #granted({ replica, generation }: About): void {
    this.places += 1;
    this.#daemon.send({ type: 'spawnGranted', replica, generation });
  }

  #spawned(ref: EngineRef): void {
    const { replica, generation } = ref;
    const side = this.#daemon.sideOf(ref);
    if (this.#living(replica).some((other) => this.#sides.get(other) === side))
      throw new Error(`cannot spawn chat/${replica}: a generation before it still lives on its side`);
    this.spawns.push({ atS: this.#daemon.nowMs / 1_000, replica, generation, cause: this.#daemon.causeOf(ref) });
    const behaviour = this.#chosen.get(`${replica}.${generation}`) ?? serves;
    const spawnMs = (behaviour.spawnS ?? 0) * 1_000;
    if (behaviour.spawn !== undefined) {
      const message = `${behaviour.spawn} at spawn`;
      this.#answer({ type: 'startFailed', replica, generation, class: behaviour.spawn, message }, spawnMs);
      return;
    }
    const process = newProcess(ref, behaviour, 101 + this.processes.length);
    this.processes.push(process);
    this.#sides.set(process, side);
    this.#answer({ type: 'spawned', replica, generation, identity: process.identity }, spawnMs);
    if (behaviour.endsS === undefined) return;
    const { signal = null, code = null } = behaviour;
    this.#plan(behaviour.endsS * 1_000, () => this.exited(process, signal === null ? { code } : { signal }), false);
  }

  #probed(process: Process): void {
    const { readyS } = process.behaviour;
    const { replica, generation } = process.ref;
    const phase = this.#daemon.specOf(this.#daemon.specIdOf(process.ref))?.probes;
    if (readyS === undefined) return;
    const kinds = [
      ...(phase?.startup ? ['startup' as const] : []),
      ...Array.from({ length: phase?.readiness?.successThreshold ?? 0 }, () => 'readiness' as const),
    ];
    for (const kind of kinds)
      this.#answer({ type: 'probed', replica, generation, result: { kind, ok: true, message: 'ok' } }, readyS * 1_000);
  }

  #watched(process: Process): void {
    const { replica, generation } = process.ref;
    if (process.watched) throw new Error(`cannot await the end of chat/${replica} twice`);
    process.watched = true;
    if (process.gone) this.#answer({ type: 'gone', replica, generation, evidence: evidenceOf(process) });
  }

  #terminated(process: Process): void {
    const afterMs = (process.behaviour.termS ?? 0.1) * 1_000;
    if (process.exit === null && Number.isFinite(afterMs)) this.#plan(afterMs, () => this.exited(process, { code: 0 }), false);
  }

  #killed(process: Process): void {
    this.exited(process, { signal: 'SIGKILL' });
    this.treeGone(process);
  }

  #living(replica: number): Process[] {
    return this.processes.filter((process) => process.ref.replica === replica && !process.gone);
  }

  #chosenFor({ ref, specId }: Extract<Effect, { readonly do: 'preflight' }>): Behaviour {
    const version = this.#daemon.specOf(specId)?.engine.version ?? '';
    const named = this.byVersion.get(version);
    const [behaviour = serves, ...later] = named ?? this.behaviours.get(ref.replica) ?? [];
    if (later.length > 0 && named !== undefined) this.byVersion.set(version, later);
    else if (later.length > 0) this.behaviours.set(ref.replica, later);
    return behaviour;
  }

  /** An answer that reaches the daemon, if it is still there. */
  #answer(event: PoolEvent, afterMs = 0): void {
    this.#plan(afterMs, () => this.#daemon.send(event), true);
  }

  #plan(afterMs: number, run: () => void, daemons: boolean): void {
    const atMs = this.#daemon.nowMs + afterMs;
    const at = this.#planned.findIndex((planned) => planned.atMs > atMs);
    this.#planned.splice(at < 0 ? this.#planned.length : at, 0, { atMs, daemons, run });
  }
}
