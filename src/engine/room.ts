/** The engine room: everything that touches real processes, put together for one state directory. */
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Adoption, StoredRun } from './adopt.ts';
import { adopt } from './adopt.ts';
import type { Containment } from './cgroup.ts';
import { findContainment, removeCgroup } from './cgroup.ts';
import type { ExitsOptions } from './exits.ts';
import { Exits } from './exits.ts';
import type { EngineRef, Identity } from './identity.ts';
import { refOf } from './instance.ts';
import type { Launched, LaunchHost, LaunchOrder } from './launch.ts';
import { launch } from './launch.ts';
import type { PosixSpawn } from './posix-spawn.ts';
import { loadPosixSpawn } from './posix-spawn.ts';
import { alive, ownsLeaf } from './proof.ts';
import { readRun, removeRun, runFile } from './records.ts';
import { ProcessTable } from './scan.ts';
import { Tree } from './tree.ts';

export interface RoomOptions extends Pick<ExitsOptions, 'exited' | 'launcherLost'> {
  readonly clock: Clock;
  /** Records go to `runs` and TMPDIRs to `tmp` below it; both are made. */
  readonly stateDir: string;
  /** `Store.instance`. */
  readonly stateInstance: string;
  /** The daemon's environment: PATH, HOME, LANG and TZ pass to engines, POOLD_CONTAINMENT=weak is obeyed. */
  readonly env: NodeJS.ProcessEnv;
  readonly shell?: string;
  /** Null where there is none; found out at the first start. */
  readonly posixSpawn?: () => Promise<PosixSpawn | null>;
}

export class EngineRoom {
  readonly containment: Containment;
  readonly tree: Tree;
  /** What prepare, preflight and hooks plan with, too. */
  readonly host: LaunchHost;
  readonly #options: RoomOptions;
  readonly #table: ProcessTable;
  readonly #exits: Exits;
  readonly #runsDir: string;

  /** Throws what making the directories throws. */
  constructor(options: RoomOptions) {
    this.#options = options;
    this.#runsDir = join(options.stateDir, 'runs');
    const tmpRoot = join(options.stateDir, 'tmp');
    mkdirSync(this.#runsDir, { recursive: true, mode: 0o700 });
    mkdirSync(tmpRoot, { recursive: true, mode: 0o711 });
    this.containment = findContainment(options.stateInstance, options.env);
    this.#table = new ProcessTable(options.clock);
    this.#exits = new Exits({ ...options, runsDir: this.#runsDir });
    this.tree = new Tree({ clock: options.clock, table: this.#table, endTicks: (identity) => this.#endTicks(identity) });
    const { clock, env, shell, posixSpawn = loadPosixSpawn } = options;
    const host = { clock, inherited: env, tmpRoot, runsDir: this.#runsDir, containment: this.containment, exits: this.#exits, posixSpawn };
    this.host = shell === undefined ? host : { ...host, shell };
  }

  launch(order: LaunchOrder): Promise<Launched> {
    return launch(this.host, order);
  }

  /** Looks for what is stored, and watches the end of what lives. Strays are watched from `watch` on, once somebody has taken them. */
  async adopt(stored: readonly StoredRun[]): Promise<Adoption> {
    const { clock, stateInstance } = this.#options;
    const { containment } = this;
    const adoption = await adopt({ clock, runsDir: this.#runsDir, stateInstance, containment, table: this.#table }, stored);
    // ORDER: the caller learns what lives before it can learn of an end.
    setImmediate(() => {
      for (const found of adoption.found) if (found.is === 'alive') this.watch(found.ref, found.identity);
    });
    return adoption;
  }

  /** Tells the end of an adopted process; a launched one is watched by itself. */
  watch(ref: EngineRef, identity: Identity): void {
    this.#exits.watch({ ref, identity, launcherEnd: null });
  }

  /** One read: is this very process still running? For the sweep. */
  alive(identity: Identity): boolean {
    return alive(identity);
  }

  /** Looks for an end, or a lost launcher, that no event told. */
  check(ref: EngineRef): void {
    this.#exits.check(ref);
  }

  /** ORDER: when the tree is gone AND its end is stored. Gives back leaf and record; twice is harmless. */
  release(ref: EngineRef, identity: Identity | null): void {
    if (identity?.cgroup != null && ownsLeaf(identity)) removeCgroup(identity.cgroup);
    removeRun(this.#runsDir, runFile(ref));
  }

  /** Lets go of everything; engines run on. */
  close(): void {
    this.#exits.close();
    if (this.containment.by !== 'cgroup') return;
    try {
      rmdirSync(this.containment.parent);
    } catch {
      // Engines are in it.
    }
  }

  #endTicks(identity: Identity): number | null {
    const ref = refOf(this.#options.stateInstance, identity.instance);
    const record = ref === null ? null : readRun(this.#runsDir, runFile(ref));
    return record?.header.instance === identity.instance ? (record.exit?.endTicks ?? null) : null;
  }
}
