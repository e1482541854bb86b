/**
 * How generations end, each reported exactly once: by the launcher's own end where it is our child (SIGCHLD), by its record where it was
 * adopted (one fs.watch for all).
 */
import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';
import type { Clock, Timer } from '../clock.ts';
import { whyNotExecutable } from './executable.ts';
import type { EngineRef, Identity } from './identity.ts';
import type { ChildEnd } from './posix-spawn.ts';
import { alive, launcherLives } from './proof.ts';
import type { RunRecord } from './records.ts';
import { readRun, runFile } from './records.ts';
import { endOf } from './signals.ts';

export interface EngineExit {
  readonly ref: EngineRef;
  readonly instance: string;
  readonly code: number | null;
  readonly signal: string | null;
  /** False where nobody saw it: then code and signal are null. */
  readonly codeKnown: boolean;
  /** Wall clock. */
  readonly endedAtMs: number;
  /** The sentence that says why the exec itself failed: the engine never ran. Null for an engine that did. */
  readonly spawnFailure: string | null;
}

export interface WatchedRun {
  readonly ref: EngineRef;
  readonly identity: Identity;
  /** The end of the launcher, where it is our child. */
  readonly launcherEnd: Promise<ChildEnd> | null;
}

export interface ExitsOptions {
  readonly clock: Clock;
  readonly runsDir: string;
  exited(exit: EngineExit, seen: 'event' | 'check'): void;
  /** The launcher was killed while its engine lives: the engine goes on, its exit code will be unknown. */
  launcherLost(ref: EngineRef): void;
}

interface Run extends WatchedRun {
  orphaned: boolean;
  /** Sweeps that found it dead and its launcher alive. */
  strikes: number;
}

/** How often an engine without launcher is looked at: nothing tells its end by event. */
const ORPHAN_CHECK_MS = 250;

export class Exits {
  readonly #options: ExitsOptions;
  readonly #runs = new Map<string, Run>();
  readonly #timers = new Set<Timer>();
  readonly #watcher: FSWatcher | null;

  constructor(options: ExitsOptions) {
    this.#options = options;
    this.#watcher = this.#open();
  }

  /** ORDER: call it after whoever gets the reports knows the generation, as an end that was there before is reported at once. */
  watch(run: WatchedRun): void {
    this.#runs.set(runFile(run.ref), { ...run, orphaned: false, strikes: 0 });
    run.launcherEnd?.then(
      (end) => this.#launcherEnded(run, end),
      () => {},
    );
    this.#look(runFile(run.ref));
  }

  /** The sweep's look, which finds what no event has told: an end is reported as `check`, a killed launcher as lost. */
  check(ref: EngineRef): void {
    const run = this.#runs.get(runFile(ref));
    if (run === undefined) return;
    if (alive(run.identity)) {
      if (run.launcherEnd === null && !run.orphaned && !launcherLives(run.identity)) this.#orphaned(run);
      return;
    }
    // The launcher takes a moment from its engine's end to the record: it has until the next sweep.
    run.strikes += 1;
    if (run.strikes === 1 && launcherLives(run.identity)) return;
    // An event that is only waiting for its turn in the loop comes before this.
    setImmediate(() => this.#ended(run, this.#recordOf(run), 'check'));
  }

  close(): void {
    this.#watcher?.close();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#runs.clear();
  }

  #open(): FSWatcher | null {
    try {
      const watcher = watch(this.#options.runsDir, { persistent: false }, (_, name) => name !== null && this.#look(name));
      watcher.on('error', () => {});
      return watcher;
    } catch {
      return null; // No inotify instance left: our children still tell by SIGCHLD, the sweep finds the others.
    }
  }

  #look(file: string): void {
    const run = this.#runs.get(file);
    if (run === undefined || run.launcherEnd !== null) return;
    const record = this.#recordOf(run);
    // A record that speaks of an end while the engine lives was forged: the launcher writes after it has reaped.
    if (record?.exit != null && !alive(run.identity)) this.#ended(run, record, 'event');
  }

  /** Its code is the engine's, as the script ends with it: nothing that an engine could have written is asked for that. */
  #launcherEnded(run: WatchedRun, end: ChildEnd): void {
    const known = this.#runs.get(runFile(run.ref));
    if (known === undefined || known.identity.instance !== run.identity.instance) return;
    const record = this.#recordOf(known);
    if (alive(known.identity)) this.#orphaned(known);
    else if (end.code === null) this.#ended(known, record, 'event');
    else {
      const spawnFailure = execFailure(record, end.code);
      this.#report(known, { ...endOf(end.code), codeKnown: true, endedAtMs: this.#options.clock.wallMs(), spawnFailure }, 'event');
    }
  }

  #orphaned(run: Run): void {
    run.orphaned = true;
    this.#options.launcherLost(run.ref);
    this.#followOrphan(run);
  }

  #followOrphan(run: WatchedRun): void {
    const timer = this.#options.clock.after(ORPHAN_CHECK_MS, () => {
      this.#timers.delete(timer);
      if (!this.#runs.has(runFile(run.ref))) return;
      if (alive(run.identity)) this.#followOrphan(run);
      else this.#ended(run, this.#recordOf(run), 'event');
    });
    this.#timers.add(timer);
  }

  #recordOf(run: WatchedRun): RunRecord | null {
    const record = readRun(this.#options.runsDir, runFile(run.ref));
    return record?.header.instance === run.identity.instance ? record : null;
  }

  #ended(run: WatchedRun, record: RunRecord | null, seen: 'event' | 'check'): void {
    this.#report(run, endedAs(record, this.#options.clock.wallMs()), seen);
  }

  #report(run: WatchedRun, end: Omit<EngineExit, 'ref' | 'instance'>, seen: 'event' | 'check'): void {
    const file = runFile(run.ref);
    if (this.#runs.get(file)?.identity.instance !== run.identity.instance) return;
    this.#runs.delete(file);
    this.#options.exited({ ref: run.ref, instance: run.identity.instance, ...end }, seen);
  }
}

/** What a record (null: there is none) says of an engine that has ended; `nowMs` on the wall clock stands in for an end that nobody saw. */
export function endedAs(record: RunRecord | null, nowMs: number): Omit<EngineExit, 'ref' | 'instance'> {
  if (record?.exit == null) return { code: null, signal: null, codeKnown: false, endedAtMs: nowMs, spawnFailure: null };
  const { code, endedAtMs } = record.exit;
  return { ...endOf(code), codeKnown: true, endedAtMs, spawnFailure: execFailure(record, code) };
}

/** setsid and setpriv end with 126 or 127 when their exec fails; so may an engine. The file tells: was it there to be executed? */
function execFailure(record: RunRecord | null, code: number): string | null {
  if (record === null) return null;
  const { executable, user } = record.header;
  if (code === 126 && user !== null)
    return `${executable} could not be executed as ${user}: check its mode and that of the directories above`;
  return code === 126 || code === 127 ? whyNotExecutable(executable) : null;
}
