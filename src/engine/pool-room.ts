/** What pools ask of the world of processes, answered by launcher, tree, logs, probes, ports and files together. No policy: every call is one order. */
import type { Clock } from '../clock.ts';
import type { PoolSpec } from '../config/spec.ts';
import type { HistoryEntry, LogLine, LogQuery } from '../pool/host.ts';
import type { Evidence } from '../pool/pool-events.ts';
import type { FailedStart, Findings, Found, Living, Order, Preflight, Room } from '../pool/room.ts';
import type { Warn } from './complaints.ts';
import { Complaints } from './complaints.ts';
import { EngineLogs } from './engine-logs.ts';
import { EngineProbes } from './engine-probes.ts';
import type { Executable, Exit } from './engine-state.ts';
import { fileAt } from './executable.ts';
import type { EngineExit } from './exits.ts';
import { Handoffs } from './handoff.ts';
import { runHook } from './hooks.ts';
import type { EngineRef, Identity } from './identity.ts';
import { engineId } from './identity.ts';
import { instanceOf } from './instance.ts';
import { gatherEvidence } from './logs/evidence.ts';
import type { CompiledPattern } from './logs/patterns.ts';
import { compilePatterns } from './logs/patterns.ts';
import { NotifySockets } from './notify/notify-sockets.ts';
import { executableOf, planEngine } from './plan.ts';
import { Ports, portOwner } from './ports.ts';
import { preflight } from './preflight.ts';
import { Preparations } from './prepare.ts';
import { keyOf, Residents } from './residents.ts';
import { EngineRoom } from './room.ts';
import type { ProbeResult } from './samples-state.ts';
import { Stops } from './stops.ts';

export interface PoolRoomOptions {
  readonly clock: Clock;
  readonly stateDir: string;
  readonly logDir: string;
  /** Where pid and handoff files go. */
  readonly handoffDir: string;
  /** Where the sockets of `notify` probes go. */
  readonly runtimeDir: string;
  /** `Store.instance`. */
  readonly stateInstance: string;
  readonly env: NodeJS.ProcessEnv;
  /** What `port: auto` takes from. */
  readonly ports: readonly [number, number];
  /** Ports that pools name themselves. */
  readonly fixedPorts: ReadonlySet<number>;
  /** What went wrong beside a decision: a limit left out, a rotation, a file that could not be written. */
  readonly warn: Warn;
  readonly dropped: (pool: string, replica: number, bytes: number) => void;
  readonly probeFailed: (ref: EngineRef, probe: ProbeResult['kind']) => void;
}

export class PoolRoom implements Room {
  readonly containment: 'cgroup' | 'weak';
  readonly #options: PoolRoomOptions;
  readonly #complaints: Complaints;
  readonly #room: EngineRoom;
  readonly #stops: Stops;
  readonly #ports: Ports;
  readonly #logs: EngineLogs;
  readonly #handoffs: Handoffs;
  readonly #notify: NotifySockets;
  readonly #probes: EngineProbes;
  readonly #preparations: Preparations;
  readonly #residents = new Residents();
  readonly #patterns = new WeakMap<PoolSpec, CompiledPattern[]>();

  /** Makes its directories; throws what that throws. */
  constructor(options: PoolRoomOptions) {
    this.#options = options;
    this.#complaints = new Complaints(options.warn);
    this.#room = new EngineRoom({
      ...options,
      exited: (exit, seen) => this.#residents.ended(exit.ref, exitOf(exit, seen)),
      launcherLost: (ref) => this.#complaints.warn(ref, 'the launcher was killed: the engine goes on, its exit code will not be known'),
    });
    const { host, tree } = this.#room;
    const common = { host, tree, complaints: this.#complaints, instance: (ref: EngineRef) => this.#instance(ref) };
    this.#stops = new Stops(common);
    this.containment = this.#room.containment.by;
    if (this.#room.containment.by === 'weak') {
      options.warn(
        { containment: 'weak' },
        `no cgroup v2 can be written (${this.#room.containment.why}): a process that leaves its session and clears its environment may get away`,
      );
    }
    this.#ports = new Ports(options.ports, options.fixedPorts);
    this.#logs = new EngineLogs({ ...options, living: (place) => this.#residents.at(place)?.identity ?? null, tree });
    this.#handoffs = new Handoffs(options.handoffDir);
    this.#notify = new NotifySockets(options);
    const { clock, probeFailed: failed } = options;
    this.#probes = new EngineProbes({ ...common, clock, logs: this.#logs, notify: this.#notify, residents: this.#residents, failed });
    this.#preparations = new Preparations(host);
  }

  prepare(spec: PoolSpec): Promise<string | null> {
    return this.#preparations.prepare({
      spec,
      instance: instanceOf(this.#options.stateInstance, { pool: spec.name, replica: 0, generation: 0 }),
    });
  }

  async preflight(order: Order): Promise<Preflight | FailedStart> {
    const found = await preflight({ ...this.#room.host, ports: this.#ports }, { ...order, instance: this.#instance(order.ref) });
    if (found.is === 'failed') return { class: found.class, message: found.message };
    const { port, device, executable } = found;
    return { port, device, executable };
  }

  async executable(order: Order): Promise<Executable | null> {
    const plan = await planEngine(this.#room.host, { ...order, instance: this.#instance(order.ref) });
    const found = plan.is === 'failed' ? plan : executableOf(order.ref, plan);
    return found.is === 'failed' ? null : fileAt(found.path);
  }

  askInUse(ref: EngineRef): void {
    this.#probes.askInUse(ref);
  }

  async spawn(order: Order): Promise<Identity | FailedStart> {
    const { ref, side, spec } = order;
    const instance = this.#instance(ref);
    try {
      const log = await this.#logs.of(spec, { replica: ref.replica, side });
      await log.started(ref.generation);
      const placed = await this.#notify.place(ref, spec, instance);
      const launched =
        placed.is === 'failed' ? placed : await this.#room.launch({ ...order, instance, notifySocket: placed.path, logFd: log.fd() });
      if (launched.is === 'failed') {
        this.#notify.remove(instance);
        return { class: launched.class, message: launched.message };
      }
      for (const warning of launched.warnings) this.#complaints.warn(ref, warning);
      this.#moveIn(order, launched.identity);
      return launched.identity;
    } catch (error) {
      return { class: 'starved', message: `cannot start ${engineId(ref)}: ${(error as Error).message}` };
    }
  }

  watchEnd({ ref }: Living, ended: (exit: Exit) => void): void {
    this.#residents.watchEnd(ref, ended);
  }

  check(ref: EngineRef): void {
    this.#room.check(ref);
  }

  probe(living: Living, phase: 'starting' | 'serving', report: (result: ProbeResult) => void): void {
    this.#probes.start(living, phase, report);
  }

  stopProbing(ref: EngineRef): void {
    this.#probes.stop(ref);
  }

  writeHandoff(living: Living): void {
    const { ref, identity } = living;
    this.#complaints.tried(ref, 'write the pid file of', () => this.#handoffs.writePid(ref, identity.pid));
    this.#complaints.tried(ref, 'write the handoff file of', () => this.#handoffs.write(living));
  }

  removeHandoff(ref: EngineRef): void {
    this.#complaints.tried(ref, 'remove the handoff file of', () => this.#handoffs.remove(ref));
  }

  signal(identity: Identity, ref: EngineRef, signal: string): void {
    this.#stops.signal(identity, ref, signal);
  }

  terminate(living: Living): void {
    this.#stops.terminate(living);
  }

  terminateRest(living: Living): void {
    this.#stops.terminateRest(living);
  }

  kill(living: Living): void {
    this.#stops.kill(living);
  }

  async gone(living: Living, exit: () => Exit | null): Promise<Evidence> {
    const { ref, side, spec, identity } = living;
    const resident = this.#residents.of(ref);
    await this.#room.tree.gone(identity);
    if (exit() === null) await resident?.ended.promise;
    const log = await this.#logs.of(spec, { replica: ref.replica, side });
    const endedAtMs = exit()?.atMs ?? this.#options.clock.wallMs();
    const evidence = await gatherEvidence({
      log,
      generation: ref.generation,
      endedAtMs,
      patterns: this.#patternsOf(spec),
      cgroup: identity.cgroup,
    });
    const oomKilled = evidence.oomKilled || this.#room.tree.oomKilled(identity);
    await log.exited(ref.generation, codeOf(exit()));
    return { ...evidence, oomKilled };
  }

  abandon(ref: EngineRef): void {
    this.#moveOut(ref);
  }

  release(ref: EngineRef): void {
    const resident = this.#residents.of(ref);
    this.#complaints.tried(ref, 'tidy up after', () => {
      this.#room.release(ref, resident?.identity ?? null);
      this.#handoffs.remove(ref);
      if (resident !== undefined) this.#handoffs.removePid(ref, resident.identity.pid);
    });
    this.#moveOut(ref);
  }

  releasePort(place: Parameters<Room['releasePort']>[0]): void {
    this.#ports.giveUp(portOwner(place));
  }

  async onExit(spec: PoolSpec, entry: HistoryEntry): Promise<string> {
    if (spec.onExit === null) return '';
    const replica = Number(entry.engine.split('/')[1]);
    const ref = { pool: entry.pool, replica, generation: entry.generation };
    return runHook(this.#room.host, { spec, ref, instance: this.#instance(ref), hook: spec.onExit });
  }

  async find(stored: readonly { readonly order: Order; readonly identity: Identity | null }[]): Promise<Findings> {
    const { found, strays } = await this.#room.adopt(
      stored.map(({ order: { ref }, identity }) => ({ ref, instance: this.#instance(ref), identity })),
    );
    this.#notify.keepOnly([...stored.map(({ order }) => order.ref), ...strays.map(({ ref }) => ref)].map((ref) => this.#instance(ref)));
    const orders = new Map(stored.map(({ order }) => [keyOf(order.ref), order]));
    const answers = found.map((one): Found => {
      if (one.is === 'neverStarted') return { is: one.is };
      if (one.is === 'unproven') return { is: one.is, identity: one.identity };
      const order = orders.get(keyOf(one.ref)) ?? { ref: one.ref, side: 'a' as const, port: null };
      this.#moveIn(order, one.identity);
      const { port } = order;
      if (port !== null && !this.#ports.keep(portOwner({ ...one.ref, side: order.side }), port))
        this.#options.warn({ engine: engineId(one.ref), port }, 'its port is another engine’s too');
      // What has lost its main process may stand still, too, and could not hear that it is to end.
      this.#stops.thaw(one);
      if (one.is === 'alive') return { is: 'alive', identity: one.identity };
      return { is: 'ended', identity: one.identity, exit: exitOf(one.exit, 'adoption') };
    });
    for (const stray of strays) this.#stops.thaw(stray);
    return { found: answers, strays };
  }

  recover(living: Living): void {
    const { ref, side, identity, port } = living;
    this.#moveIn(living, identity);
    if (port !== null) this.#ports.keep(portOwner({ ...ref, side }), port);
    this.#room.watch(ref, identity);
  }

  lastGeneration(spec: PoolSpec, replica: number): Promise<number> {
    return this.#logs.lastGeneration(spec, replica);
  }

  logs({ replica, side, spec }: Parameters<Room['logs']>[0], query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine> {
    return this.#logs.read(spec, { replica, side }, query, signal);
  }

  /** Bytes that each replica's log has ever been given, as far as the last look saw. */
  logBytes(): readonly { readonly pool: string; readonly replica: number; readonly bytes: number }[] {
    return this.#logs.written();
  }

  /** Why no engine of this host can say READY=1 to NOTIFY_SOCKET, or null. */
  notifyProblem(): Promise<string | null> {
    return this.#notify.problem();
  }

  /** Lets go of everything; engines run on. */
  async close(): Promise<void> {
    await this.#probes.stopAll();
    this.#notify.close();
    this.#room.close();
    await this.#logs.close();
  }

  /** The pid file names the engine that serves: one beside it has it when it takes over. */
  #moveIn({ ref, side }: Pick<Order, 'ref' | 'side'>, identity: Identity): void {
    const beside = this.#residents.at({ ...ref, side: side === 'a' ? 'b' : 'a' }) !== null;
    this.#residents.moveIn(ref, side, identity);
    if (beside) return;
    this.#complaints.tried(ref, 'write the pid file of', () => this.#handoffs.writePid(ref, identity.pid));
  }

  #moveOut(ref: EngineRef): void {
    this.stopProbing(ref);
    this.#notify.remove(this.#instance(ref));
    this.#residents.moveOut(ref);
  }

  #patternsOf(spec: PoolSpec): CompiledPattern[] {
    const known = this.#patterns.get(spec) ?? compilePatterns(spec.crashPatterns);
    this.#patterns.set(spec, known);
    return known;
  }

  #instance(ref: EngineRef): string {
    return instanceOf(this.#options.stateInstance, ref);
  }
}

function exitOf(exit: EngineExit, seen: Exit['seen']): Exit {
  return { code: exit.code, signal: exit.signal, atMs: exit.endedAtMs, seen, spawnFailure: exit.spawnFailure };
}

function codeOf(exit: Exit | null): string {
  if (exit === null || (exit.code === null && exit.signal === null)) return 'exit code unknown';
  return exit.signal ?? `exit code ${exit.code}`;
}
