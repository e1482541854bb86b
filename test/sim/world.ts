/** A host in virtual time: pools, their processes, and daemons that come and go. Who drives it decides what happens; the rules watch every step. */
import type { PoolSpec } from '../../src/config/spec.ts';
import type { Stamp } from '../../src/engine/engine-state.ts';
import type { Held } from '../../src/lease/lease-events.ts';
import type { PoolCommand, ReloadCommand } from '../../src/pool/host.ts';
import type { PoolEvent, ReloadTarget } from '../../src/pool/pool-events.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { basesOf, reloadedSpec } from '../../src/rollout/plan-state.ts';
import { booted } from './boot.ts';
import type { Clients } from './clients.ts';
import { Daemon } from './daemon.ts';
import type { Rule, Step } from './ground.ts';
import { Ground } from './ground.ts';
import type { Machine } from './machine.ts';
import type { Nature } from './nature.ts';
import { allRules } from './rules/all.ts';

export interface WorldOptions {
  readonly specs: readonly PoolSpec[];
  readonly nature: Nature;
  readonly machine: Machine;
  readonly perDevice: number | null;
  readonly watched: (step: Step) => void;
  readonly moreRules?: readonly Rule[];
}

export class World {
  readonly ground: Ground;
  readonly machine: Machine;
  readonly nature: Nature;
  readonly rules: readonly Rule[];
  /** What the rules look at after each step, and after one that has changed something. */
  readonly #stepping: readonly ((step: Step) => void)[];
  readonly #changing: readonly ((step: Step) => void)[];
  /** Those that look at rest. */
  readonly #resting: readonly Rule[];
  steps = 0;
  daemon: Daemon | null = null;
  clients: Clients | null = null;
  /** What a daemon that has died leaves to do. */
  onDeath: () => void = () => {};
  readonly #watched: (step: Step) => void;
  /** Pools where something has happened since the rules last looked at rest. */
  readonly #moved = new Set<string>();
  #epoch = 0;
  #operations = 0;

  constructor(given: WorldOptions) {
    this.machine = given.machine;
    this.nature = given.nature;
    this.#watched = given.watched;
    this.ground = new Ground({
      perDevice: given.perDevice,
      mainEnded: (process) => this.daemon?.mainEnded(process),
      treeGone: (process) => this.daemon?.treeGone(process),
    });
    for (const spec of given.specs) this.ground.file.set(spec.name, spec);
    this.rules = [...allRules(this), ...(given.moreRules ?? [])];
    this.#stepping = this.rules.flatMap((rule) => rule.stepped?.bind(rule) ?? []);
    this.#changing = this.rules.flatMap((rule) => (rule.changed ?? rule.stepped)?.bind(rule) ?? []);
    this.#resting = this.rules.filter(({ between }) => between !== undefined);
  }

  boot(): void {
    this.#epoch += 1;
    const daemon = new Daemon({
      ground: this.ground,
      machine: this.machine,
      nature: this.nature,
      rules: this.rules,
      epoch: this.#epoch,
      stepped: (step) => this.#stepped(step),
      died: () => {
        this.daemon = null;
        this.clients?.daemonDied();
        this.onDeath();
      },
    });
    this.daemon = daemon;
    for (const rule of this.rules) rule.booting?.();
    booted({ ground: this.ground, machine: this.machine, daemon });
  }

  /** As the API does it: refused or begun. The refusal's code, or null. */
  command(pool: string, command: PoolCommand): string | null {
    const { daemon, ground } = this;
    if (daemon === null) return 'no_daemon';
    const refused = this.machine.refusal(daemon.state(pool), command, ground.nowMs);
    if (refused !== null) return refused.code;
    this.#operations += 1;
    const stamp = { by: 'ops@tty1', atMs: ground.wallMs, reason: null };
    const event = { type: 'command', command, operationId: `op-${this.#operations}`, stamp } as const;
    daemon.handle(pool, command.do === 'reload' ? { ...event, targets: this.#targets(pool, command, stamp) } : event);
    return null;
  }

  /** Where a reload goes: as `src/pool/pools.ts` puts it together. */
  #targets(pool: string, command: ReloadCommand, stamp: Stamp): readonly ReloadTarget[] {
    return basesOf(this.state(pool)).map((base) => {
      const { spec, sets } = reloadedSpec(base, command, stamp);
      return { fromSpecId: base.specId, spec, sets, specId: this.ground.specId(spec), executable: null };
    });
  }

  send(pool: string, event: PoolEvent): void {
    this.daemon?.handle(pool, event);
  }

  /** What is stored, which is what a daemon that runs has in its hands. */
  state(pool: string): PoolState {
    const state = this.ground.disk.get(pool);
    if (state === undefined) throw new Error(`no pool ${pool} yet`);
    return state;
  }

  /** Does the next thing that is due. False when there is none until `untilMs`, and then that is the time. */
  advance(untilMs = Number.POSITIVE_INFINITY): boolean {
    const { ground } = this;
    if (ground.agenda.nextMs > untilMs) {
      if (Number.isFinite(untilMs)) ground.nowMs = Math.max(ground.nowMs, untilMs);
      return false;
    }
    const entry = ground.agenda.take();
    if (entry === undefined) return false;
    ground.nowMs = Math.max(ground.nowMs, entry.atMs);
    entry.run();
    return true;
  }

  runUntil(untilMs: number): void {
    while (this.advance(untilMs));
  }

  acknowledged(pool: string, held: Held): void {
    this.#moved.add(pool);
    for (const rule of this.rules) rule.acknowledged?.(pool, held);
  }

  /** The rules that look at rest. */
  between(): void {
    if (this.#moved.size === 0) return;
    for (const rule of this.#resting) rule.between?.(this.#moved);
    this.#moved.clear();
  }

  #stepped(step: Step): void {
    this.steps += 1;
    this.#moved.add(step.pool);
    this.#watched(step);
    const rests = step.before === step.after && step.effects.length === step.answers.length;
    for (const looks of rests ? this.#stepping : this.#changing) looks(step);
  }
}
