/**
 * Engines of somebody else, announced by handoff files in `handoff.external`: shown with the pool they name and probed, never signalled, never counted.
 *
 * - The id is `<pool>/external:<name>`, of `<name>.json`: no replica has a colon, so no command, file or metric of a replica can mean one.
 * - The generation counts what has been announced since the daemon started: another url, pid, version or device is another engine.
 * - `live` is false, as its process is not ours; `ready` is what its probes say. contract.md, "Config", `handoff`.
 * - A file that makes no sense may be half written: it is read again, and what it said before stands until it has made no sense for SETTLE_MS.
 */

import type { FSWatcher } from 'node:fs';
import { statSync, watch } from 'node:fs';
import { basename } from 'node:path';
import type { Clock, Timer } from '../../clock.ts';
import type { PoolSpec } from '../../config/spec.ts';
import type { Happening } from '../../events/event.ts';
import type { EngineStatus } from '../../pool/status.ts';
import { stamp } from '../../stamp.ts';
import type { Warn } from '../complaints.ts';
import type { ProbeOutcome } from '../probes/outcome.ts';
import { probeExternal, thresholdsFor } from './external-probe.ts';
import type { Answers } from './external-state.ts';
import { answered, NOT_ASKED } from './external-state.ts';
import type { FolderLook } from './handoff-folder.ts';
import { lookInFolder, MAX_FILES } from './handoff-folder.ts';
import type { ExternalHandoff } from './handoff-text.ts';

export interface ExternalsOptions {
  readonly clock: Clock;
  readonly directory: string;
  /** Uids whose files count. */
  readonly owners: ReadonlySet<number>;
  /** What a pool runs by, or null when there is none of that name. */
  readonly specOf: (pool: string) => PoolSpec | null;
  readonly publish: (happening: Happening) => void;
  readonly warn: Warn;
}

/** Between an event in the directory and the look at it: a writer is seldom done with one. */
const DEBOUNCE_MS = 50;
const SETTLE_MS = 500;
/** Looks without an event: inotify may be used up, and the directory may be made, or replaced, later. */
const PERIOD_MS = 5_000;

interface External {
  readonly handoff: ExternalHandoff;
  readonly generation: number;
  readonly stop: () => void;
  answers: Answers;
  readyAtMs: number | null;
}

export class Externals {
  readonly #options: ExternalsOptions;
  /** By the name of the file, without `.json`. */
  readonly #engines = new Map<string, External>();
  /** Files that make no sense, since when, and whether that was said. */
  readonly #troubles = new Map<string, { readonly problem: string; readonly sinceMs: number; told: boolean }>();
  #generations = 0;
  #trouble: string | null = null;
  #watched: { readonly watcher: FSWatcher; readonly inode: number } | null = null;
  #timer: Timer | null = null;
  #dueMs = Number.POSITIVE_INFINITY;
  #looking = false;
  #closed = false;

  constructor(options: ExternalsOptions) {
    this.#options = options;
  }

  /** Reads the directory for the first time, and goes on from then. */
  open(): Promise<void> {
    return this.#look();
  }

  of(pool: string): EngineStatus[] {
    return [...this.#engines].flatMap(([name, external]) => (external.handoff.pool === pool ? [this.#status(name, external)] : []));
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#unwatch();
    for (const { stop } of this.#engines.values()) stop();
    this.#engines.clear();
  }

  async #look(): Promise<void> {
    const { clock, directory, owners } = this.#options;
    this.#looking = true;
    this.#dueMs = Number.POSITIVE_INFINITY;
    try {
      // ORDER: first the watch, then the look, or a file between them would be missed.
      this.#watch();
      const look = await lookInFolder(directory, owners);
      if (!this.#closed) this.#seen(look);
      this.#tell(look.crowded ? `more than ${MAX_FILES} files lie there: only the first ${MAX_FILES} by name are read` : null);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (!this.#closed) this.#seen({ handoffs: new Map(), problems: new Map(), crowded: false });
      this.#tell(code === 'ENOENT' ? 'there is no such directory: make it, or take handoff.external away' : (code ?? message));
    }
    this.#looking = false;
    this.#lookIn(Math.max(0, Math.min(this.#dueMs - clock.nowMs(), PERIOD_MS)));
  }

  /** The earliest time wins. */
  #lookIn(delayMs: number): void {
    const { clock } = this.#options;
    if (this.#closed) return;
    this.#dueMs = Math.min(this.#dueMs, clock.nowMs() + delayMs);
    if (this.#looking) return;
    this.#timer?.cancel();
    this.#timer = clock.after(this.#dueMs - clock.nowMs(), () => void this.#look());
  }

  /** Again where the directory is another than the one that is watched. */
  #watch(): void {
    const { directory } = this.#options;
    const inode = statSync(directory).ino;
    if (this.#watched?.inode === inode) return;
    this.#unwatch();
    try {
      const watcher = watch(directory, { persistent: false }, (_, file) => {
        // It tells of the directory itself: it was removed or moved, and its inode's number may be given to the next one.
        if (file === basename(directory)) this.#unwatch();
        this.#lookIn(DEBOUNCE_MS);
      });
      watcher.on('error', () => this.#unwatch());
      this.#watched = { watcher, inode };
    } catch {
      // No inotify watch is left: the periodic look has to do.
    }
  }

  #unwatch(): void {
    this.#watched?.watcher.close();
    this.#watched = null;
  }

  #seen({ handoffs, problems }: FolderLook): void {
    for (const name of this.#troubles.keys()) if (!problems.has(name) && !handoffs.has(name)) this.#troubles.delete(name);
    for (const name of this.#engines.keys())
      if (!problems.has(name) && !handoffs.has(name)) this.#gone(name, 'its handoff file was removed');
    for (const [name, problem] of problems) this.#doubtful(name, problem);
    for (const [name, handoff] of handoffs) {
      const known = this.#engines.get(name);
      if (known !== undefined && JSON.stringify(known.handoff) === JSON.stringify(handoff)) {
        this.#troubles.delete(name);
        continue;
      }
      const spec = this.#options.specOf(handoff.pool);
      if (spec === null) {
        this.#doubtful(name, `there is no pool ${handoff.pool}`);
        continue;
      }
      this.#troubles.delete(name);
      this.#gone(name, 'its handoff file tells of another engine now');
      this.#appeared(name, handoff, spec);
    }
  }

  #appeared(name: string, handoff: ExternalHandoff, spec: PoolSpec): void {
    const { clock } = this.#options;
    this.#generations += 1;
    const thresholds = thresholdsFor(spec);
    const report = (outcome: ProbeOutcome): void => {
      const { answers, turned } = answered(external.answers, outcome, thresholds);
      external.answers = answers;
      if (!turned) return;
      external.readyAtMs = answers.ready === true ? clock.wallMs() : null;
      this.#happened(answers.ready === true ? 'engine.ready' : 'engine.unready', name, external, answers.message);
    };
    const stop = probeExternal({ clock, spec, handoff, report });
    const external: External = { handoff, generation: this.#generations, stop, answers: NOT_ASKED, readyAtMs: null };
    this.#engines.set(name, external);
  }

  #gone(name: string, why: string): void {
    const external = this.#engines.get(name);
    if (external === undefined) return;
    external.stop();
    this.#engines.delete(name);
    this.#happened('engine.stopped', name, external, why);
  }

  /** Said once, and once more when it is another problem. */
  #doubtful(name: string, problem: string): void {
    const { clock, directory, warn } = this.#options;
    const before = this.#troubles.get(name);
    const trouble = before?.problem === problem ? before : { problem, sinceMs: clock.nowMs(), told: false };
    this.#troubles.set(name, trouble);
    if (trouble.told) return;
    const leftMs = trouble.sinceMs + SETTLE_MS - clock.nowMs();
    if (leftMs > 0) return this.#lookIn(leftMs);
    trouble.told = true;
    this.#gone(name, `its handoff file is of no use: ${problem}`);
    warn({ file: `${directory}/${name}.json` }, `cannot take the external engine of ${directory}/${name}.json: ${problem}`);
  }

  /** What is wrong with the directory itself, said once. */
  #tell(trouble: string | null): void {
    const { directory, warn } = this.#options;
    if (trouble !== null && trouble !== this.#trouble && !this.#closed)
      warn({ directory }, `cannot see all external engines in ${directory}: ${trouble}`);
    this.#trouble = trouble;
  }

  #happened(type: 'engine.ready' | 'engine.unready' | 'engine.stopped', name: string, of: External, message: string): void {
    const { pool, url } = of.handoff;
    this.#options.publish({
      type,
      pool,
      engine: idOf(pool, name),
      generation: of.generation,
      facts: { external: true, url, message },
    });
  }

  #status(name: string, { handoff, generation, answers, readyAtMs }: External): EngineStatus {
    const { pool, pid, url, version, device } = handoff;
    return {
      id: idOf(pool, name),
      generation,
      role: 'serving',
      state: 'external',
      reason: answers.ready === true ? null : 'unready',
      message: `announced by ${this.#options.directory}/${name}.json; last probe: ${answers.message}`,
      live: false,
      ready: answers.ready === true,
      ...{ pid, url, version, device },
      activeLeases: 0,
      inUse: null,
      failures: 0,
      breaker: 'closed',
      startedAt: null,
      readyAt: readyAtMs === null ? null : stamp(readyAtMs),
      nextStartAt: null,
      lastExit: null,
      outdated: false,
    };
  }
}

function idOf(pool: string, name: string): string {
  return `${pool}/external:${name}`;
}
