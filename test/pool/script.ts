/**
 * Drives one pool's decisions through virtual time: events are told at their times, effects are answered by engines that behave as the test
 * says (`machine.ts`), and a trace of what happened is kept. Of each event it is checked that the state survives being stored, that nothing runs
 * twice, and that the pool does not ask for the same moment again and again.
 */
import type { PoolSpec } from '../../src/config/spec.ts';
import type { Executable, Exit, Run, Stamp } from '../../src/engine/engine-state.ts';
import { livePhase } from '../../src/engine/engine-state.ts';
import type { ProbeResult } from '../../src/engine/samples-state.ts';
import type { Happening } from '../../src/events/event.ts';
import { dueMs } from '../../src/pool/due-state.ts';
import type { Effect } from '../../src/pool/effects.ts';
import type { HistoryEntry, PoolCommand, ReloadCommand } from '../../src/pool/host.ts';
import type { PoolEvent, ReloadTarget } from '../../src/pool/pool-events.ts';
import { next } from '../../src/pool/pool-next-state.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { newPool, restored } from '../../src/pool/pool-state.ts';
import { poolStatus } from '../../src/pool/pool-view.ts';
import { refusal } from '../../src/pool/refusal-state.ts';
import type { EngineStatus, Operation, PoolStatus } from '../../src/pool/status.ts';
import { allEngines, generationIn } from '../../src/pool/turn.ts';
import { basesOf, reloadedSpec, setsKept, withSets } from '../../src/rollout/plan-state.ts';
import type { Behaviour } from './behaviour.ts';
import type { About, Daemon, Spawn } from './machine.ts';
import { Machine } from './machine.ts';
import type { SpecChange } from './pool-spec.ts';
import { poolSpec } from './pool-spec.ts';
import { assertStorable } from './stored.ts';
import { lineOf } from './trace.ts';
import type { Process } from './world.ts';
import { WALL_MS } from './world.ts';

interface File {
  /** Null: the pool is gone from it. */
  readonly spec: SpecChange | null;
  readonly specId: string;
}

export class Script implements Daemon {
  state: PoolState;
  nowMs = 0;
  isUp = true;
  /** Draws for the jitter. */
  random = 0.5;
  readonly effects: Effect[] = [];
  readonly history: HistoryEntry[] = [];
  readonly happenings: (Happening & { readonly atS: number })[] = [];
  readonly #machine = new Machine(this);
  readonly #ended = new Map<string, Operation>();
  #lines: string[] = [];
  #file: File;
  #operationIds = 0;
  readonly #specIds = new Map<string, string>();
  /** As it lies there when a reload looks at it, and when a start does. */
  executable: Executable | null = null;

  constructor(change: SpecChange = {}) {
    this.#file = { spec: change, specId: 'a' };
    this.state = newPool({ spec: poolSpec(change), specId: 'a', nowMs: 0 });
    this.#specIds.set(JSON.stringify(poolSpec(change)), 'a');
  }

  /** How the next starts of one engine go, one after the other; the last of them stays. Without it they serve. */
  engine(replica: number, ...behaviours: readonly Behaviour[]): this {
    this.#machine.behaviours.set(replica, behaviours);
    return this;
  }

  /** The same for the first `count` engines. */
  engines(count: number, ...behaviours: readonly Behaviour[]): this {
    for (let replica = 0; replica < count; replica += 1) this.engine(replica, ...behaviours);
    return this;
  }

  /** The same for starts by a spec of that version, whatever the replica. */
  version(version: string, ...behaviours: readonly Behaviour[]): this {
    this.#machine.byVersion.set(version, behaviours);
    return this;
  }

  /** What `prepare` fails with, one after the other (null = it succeeds); the last stays. */
  prepares(...failures: readonly (string | null)[]): this {
    this.#machine.prepares = failures;
    return this;
  }

  /** Lets time pass until `atS`, with every answer and every tick on the way. */
  until(atS: number): this {
    const untilMs = atS * 1_000;
    if (this.nowMs === 0 && this.#lines.length === 0) this.send({ type: 'tick' });
    for (;;) {
      const dueAtMs = this.isUp ? Math.max(this.nowMs, dueMs(this.state, this.nowMs)) : Number.POSITIVE_INFINITY;
      const answerMs = this.#machine.nextMs;
      if (Math.min(dueAtMs, answerMs) > untilMs) break;
      this.nowMs = Math.min(dueAtMs, answerMs);
      if (answerMs <= dueAtMs) this.#machine.happen();
      else this.#ticked();
    }
    this.nowMs = untilMs;
    return this;
  }

  /** Lets time pass for `forS` seconds. */
  pass(forS: number): this {
    return this.until(this.nowMs / 1_000 + forS);
  }

  /** One event, now. */
  send(event: PoolEvent): this {
    const wallMs = WALL_MS + this.nowMs;
    const [state, effects] = next(this.state, event, { nowMs: this.nowMs, wallMs, random: () => this.random });
    assertStorable(state);
    this.state = JSON.parse(JSON.stringify(state));
    for (const effect of effects) this.#done(effect);
    return this;
  }

  /** A person's command that is let through; answers with the operation's id. */
  tell(command: PoolCommand): string {
    const refused = this.refused(command);
    if (refused !== null) throw refused;
    this.#operationIds += 1;
    const operationId = `op${this.#operationIds}`;
    const stamp = { by: 'ann', atMs: WALL_MS + this.nowMs, reason: null };
    const targets = command.do === 'reload' ? this.#targets(command, stamp, this.executable) : [];
    this.send({ type: 'command', command, operationId, stamp, targets });
    return operationId;
  }

  refused(command: PoolCommand): ReturnType<typeof refusal> {
    return refusal(this.state, command, this.nowMs);
  }

  start = (replica: number | null = null): string => this.tell({ do: 'start', replica });
  stop = (replica: number | null = null): string => this.tell({ do: 'stop', replica, now: false });
  restart = (replica: number | null = null): string => this.tell({ do: 'restart', replica, now: true });
  retry = (replica: number | null = null): string => this.tell({ do: 'retry', replica });
  scale = (replicas: number): string => this.tell({ do: 'scale', replicas });
  reset = (klass: string | null = null, forget = false): string => this.tell({ do: 'reset', class: klass, forget });

  /** How an operation has ended: its outcome, else its state; `running` before. */
  outcome(id: string): string {
    const operation = this.#ended.get(id);
    return operation === undefined ? 'running' : (operation.outcome ?? operation.state);
  }

  operation(id: string): Operation {
    const operation = this.#ended.get(id);
    if (operation === undefined) throw new Error(`cannot show ${id}: it has not ended`);
    return operation;
  }

  /** A probe's result for the generation that lives. */
  probe(replica: number, kind: ProbeResult['kind'], ok: boolean, more: Partial<ProbeResult> = {}): this {
    const { generation } = this.viewOf(replica);
    return this.send({
      type: 'probed',
      replica,
      generation,
      result: { kind, ok, message: ok ? 'ok' : `no answer from ${kind}`, ...more },
    });
  }

  /** Ends the live process of a replica, from outside: of that generation, or the oldest. */
  crash(replica: number, exit: Partial<Exit> = { signal: 'SIGKILL' }, generation?: number): this {
    this.#machine.exited(this.#machine.live(replica, generation), exit);
    return this;
  }

  /** The tree of an unkillable engine goes at last. */
  vanish(replica: number, generation?: number): this {
    const process = this.#machine.live(replica, generation);
    this.#machine.exited(process, { signal: 'SIGKILL' });
    this.#machine.treeGone(process);
    return this;
  }

  /** SIGKILL of the daemon: what it was waiting for is lost, the engines go on. */
  daemonDies(): this {
    this.isUp = false;
    this.#machine.daemonDied();
    return this;
  }

  /** The next daemon on the same state, and maybe another file: it looks at each generation that was live, then at the file. */
  daemonStarts(file: File = this.#file): this {
    this.#taken();
    for (const engine of allEngines(this.state)) {
      const run = livePhase(engine)?.run;
      if (run === undefined) continue;
      const about = { replica: engine.replica, generation: engine.generation };
      if (run.identity !== null) this.#machine.kept(about, run.port);
      const process = this.#machine.processOf(about);
      if (process === undefined) this.send({ type: 'neverStarted', ...about });
      else if (process.exit === null) this.send({ type: 'adopted', ...about, identity: process.identity });
      else this.send({ type: 'endedMeanwhile', ...about, identity: process.identity, exit: { ...process.exit, seen: 'adoption' } });
    }
    this.#file = file;
    return this.fileRead();
  }

  /** The last thing that a start of the daemon does: the file's word. */
  fileRead(): this {
    this.#taken();
    const spec = this.#file.spec && poolSpec(this.#file.spec);
    if (spec === null) return this.send({ type: 'configured', spec, specId: this.state.specId });
    this.#specIds.set(JSON.stringify(spec), this.#file.specId);
    return this.send({ type: 'configured', spec, specId: this.#idOf(withSets(spec, setsKept(this.state.sets, spec))) });
  }

  /** All processes are gone with the boot; the next daemon finds that out. */
  reboots(): this {
    this.daemonDies();
    this.#machine.wentDown();
    this.#taken();
    this.send({ type: 'rebooted' });
    return this.daemonStarts();
  }

  view(): PoolStatus {
    return poolStatus(this.state, { nowMs: this.nowMs, wallMs: WALL_MS + this.nowMs, containment: 'weak', external: [] });
  }

  viewOf(replica: number): EngineStatus {
    const found = this.view().engines.find(({ id }) => id === `chat/${replica}`);
    if (found === undefined) throw new Error(`cannot show chat/${replica}: the pool does not`);
    return found;
  }

  /** `ready backoff`: of all its engines, in their order. */
  states(): string {
    return this.view()
      .engines.map(({ state }) => state)
      .join(' ');
  }

  /** What happened, one line each, since the last call: all, or of some types (`breaker` takes all that begin so). */
  trace(...types: readonly string[]): string[] {
    const named = (name = ''): boolean => types.length === 0 || types.some((type) => name === type || name.startsWith(`${type}.`));
    const lines = this.#lines.filter((line) => named(line.split(' ')[1]));
    this.#lines = [];
    return lines;
  }

  get spawns(): readonly Spawn[] {
    return this.#machine.spawns;
  }

  get processes(): readonly Process[] {
    return this.#machine.processes;
  }

  /** Which ports belong to whom: `0a` is replica 0, side a. */
  get ports(): ReadonlyMap<string, number> {
    return this.#machine.ports;
  }

  /** How many spawns have a place and have not given it back. */
  get places(): number {
    return this.#machine.places;
  }

  /** When a replica was spawned, in seconds. */
  spawnedAt(replica: number): number[] {
    return this.spawns.filter((spawn) => spawn.replica === replica).map(({ atS }) => atS);
  }

  note(line: string): void {
    this.#lines.push(`${this.nowMs / 1_000}s ${line}`);
  }

  specOf(specId: string | null): PoolSpec | undefined {
    return this.state.specs[specId ?? this.state.specId];
  }

  causeOf(about: About): string {
    return this.#runOf(about)?.cause ?? 'none';
  }

  specIdOf(about: About): string | null {
    return this.#runOf(about)?.specId ?? null;
  }

  sideOf(about: About): string {
    return generationIn(this.state, about)?.side ?? 'a';
  }

  #runOf(about: About): Run | undefined {
    const engine = generationIn(this.state, about);
    return engine === undefined ? undefined : livePhase(engine)?.run;
  }

  /** The same spec has the same id; the file's first one is `a`. */
  #idOf(spec: PoolSpec): string {
    const text = JSON.stringify(spec);
    const id = this.#specIds.get(text) ?? `s${this.#specIds.size}`;
    this.#specIds.set(text, id);
    return id;
  }

  #targets(command: ReloadCommand, stamp: Stamp, executable: Executable | null): ReloadTarget[] {
    return basesOf(this.state).map((base) => {
      const { spec, sets } = reloadedSpec(base, command, stamp);
      return { fromSpecId: base.specId, spec, specId: this.#idOf(spec), sets, executable };
    });
  }

  #taken(): void {
    if (this.isUp && !this.state.restoring) this.daemonDies();
    if (!this.state.restoring) this.state = restored(this.state, this.state.tokens.epoch + 1);
    this.isUp = true;
  }

  #ticked(): void {
    for (let ticks = 0; ticks < 5; ticks += 1) {
      this.send({ type: 'tick' });
      if (dueMs(this.state, this.nowMs) > this.nowMs) return;
    }
    throw new Error(`cannot go on: the pool asks for ${this.nowMs} ms again and again\n${this.#lines.slice(-20).join('\n')}`);
  }

  #done(effect: Effect): void {
    this.effects.push(effect);
    switch (effect.do) {
      case 'emit':
        this.happenings.push({ ...effect.happening, atS: this.nowMs / 1_000 });
        this.note(lineOf(effect.happening));
        return;
      case 'record':
        this.history.push(effect.entry);
        return;
      case 'operation':
        if (this.#ended.has(effect.operation.id)) throw new Error(`cannot end ${effect.operation.id} twice`);
        this.#ended.set(effect.operation.id, effect.operation);
        return;
      default:
        this.#machine.done(effect);
    }
  }
}
