/** Starts one generation: record, leaf, launcher, and the word that the engine is about to run. What fails on the way is a value. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LimitsSpec } from '../config/spec.ts';
import { failpoint } from '../failpoint.ts';
import type { Containment } from './cgroup.ts';
import { killCgroup, limitCgroup, makeLeaf, removeCgroup } from './cgroup.ts';
import type { Exits } from './exits.ts';
import type { EngineRef, Identity } from './identity.ts';
import type { LauncherWord } from './launcher.ts';
import { launcherArguments, parseWord } from './launcher.ts';
import type { Running } from './launcher-process.ts';
import { startLauncher } from './launcher-process.ts';
import type { Plan, PlanHost, PlanOrder, StartProblem } from './plan.ts';
import { errnoClass, executableOf, planEngine, startProblem } from './plan.ts';
import type { ChildEnd, PosixSpawn } from './posix-spawn.ts';
import { BOOTTIME_OFFSET_TICKS, bootId, statOf } from './proc.ts';
import { createRun, readRun, removeRun, runFile } from './records.ts';
import { stripped } from './surroundings.ts';

export interface LaunchHost extends PlanHost {
  readonly runsDir: string;
  readonly containment: Containment;
  readonly exits: Exits;
  /** `/bin/sh` unless told. */
  readonly shell?: string;
  /** Null where there is none: Node's own spawn does it then. */
  readonly posixSpawn: () => Promise<PosixSpawn | null>;
}

export interface LaunchOrder extends PlanOrder {
  /** Open for appending; becomes stdout and stderr of the engine. Stays the caller's to close. */
  readonly logFd: number;
}

export type Launched = { readonly is: 'started'; readonly identity: Identity; readonly warnings: readonly string[] } | StartProblem;

/** A launcher that says nothing for this long is taken to be broken, and killed with all it may have started. */
const WORD_TIMEOUT_MS = 10_000;

/**
 * Resolves when the engine's identity is on disk and the exec is next; its end comes over `host.exits`, always later.
 * Each failure has given back record, leaf and descriptors, and left no process.
 */
export async function launch(host: LaunchHost, order: LaunchOrder): Promise<Launched> {
  const { ref } = order;
  const plan = await planEngine(host, order);
  if (plan.is === 'failed') return plan;
  const executable = executableOf(ref, plan);
  if (executable.is === 'failed') return executable;
  const held = hold(host, { order, plan, executable: executable.path });
  if (held.is === 'failed') return held;
  failpoint('launch:held');
  const started = await spawnLauncher(host, { order, plan, held });
  if (started.is === 'failed') {
    giveBack(host, ref, held.leaf);
    return started;
  }
  const { identity, launcherEnd } = started;
  // ORDER: whoever awaits the launch learns the identity before it can learn of the end.
  setImmediate(() => host.exits.watch({ ref, identity, launcherEnd }));
  return { is: 'started', identity, warnings: [...held.warnings, ...started.warnings] };
}

interface Held {
  readonly is: 'held';
  readonly leaf: string | null;
  readonly recordFd: number;
  readonly warnings: readonly string[];
}

interface Prepared {
  readonly order: LaunchOrder;
  readonly plan: Plan;
  readonly executable: string;
}

function hold(host: LaunchHost, { order, plan, executable }: Prepared): Held | StartProblem {
  const { ref, instance, spec } = order;
  let leaf: string | null = null;
  try {
    if (host.containment.by === 'cgroup') leaf = makeLeaf(host.containment.parent, instance);
    const problems = limitCgroup(leaf, spec.engine.limits);
    if (problems.length > 0 && !spec.engine.limits.bestEffort) {
      if (leaf !== null) removeCgroup(leaf);
      return startProblem(ref, 'prepare_failed', `${problems.join('; ')} (limits.bestEffort: true starts it all the same)`);
    }
    const header = {
      bootId: bootId(),
      instance,
      cgroup: leaf,
      executable,
      user: plan.user?.name ?? null,
      port: order.port,
      device: order.device,
      side: order.side,
      offsetTicks: BOOTTIME_OFFSET_TICKS,
    };
    return { is: 'held', leaf, recordFd: createRun(host.runsDir, ref, header), warnings: problems };
  } catch (cause) {
    if (leaf !== null) removeCgroup(leaf);
    const { code, message } = cause as NodeJS.ErrnoException;
    return startProblem(ref, errnoClass(code) === 'starved' ? 'starved' : 'prepare_failed', message);
  }
}

function giveBack(host: LaunchHost, ref: EngineRef, leaf: string | null): void {
  if (leaf !== null) removeCgroup(leaf);
  removeRun(host.runsDir, runFile(ref));
}

interface Started {
  readonly is: 'started';
  readonly identity: Identity;
  readonly launcherEnd: Promise<ChildEnd>;
  readonly warnings: readonly string[];
}

async function spawnLauncher(host: LaunchHost, parts: { order: LaunchOrder; plan: Plan; held: Held }): Promise<Started | StartProblem> {
  const { order, held } = parts;
  const { ref } = order;
  const posixSpawn = await host.posixSpawn();
  let running: Running;
  try {
    running = start(host, { ...parts, posixSpawn });
  } catch (cause) {
    return startProblem(ref, errnoClass((cause as NodeJS.ErrnoException).code), (cause as Error).message);
  } finally {
    closeSync(held.recordFd);
  }
  if (running.pid === undefined) {
    const { code, message } = await running.problem;
    return startProblem(ref, errnoClass(code), message);
  }
  failpoint('launch:forked');
  const word = await firstOf(host, running);
  failpoint('launch:told');
  if (word?.is === 'refused') {
    await running.end;
    const what = word.lost.join(', ');
    return startProblem(ref, 'prepare_failed', `${what} could not be set (limits.bestEffort: true starts it all the same)`);
  }
  const main = word ?? mainInRecord(host, ref, running.pid);
  if (main === null) {
    await endLauncher(running, held.leaf);
    return startProblem(
      ref,
      'starved',
      'its launcher ended, or hung, before it could start anything: the host may be out of processes or memory',
    );
  }
  const { pid, startTicks } = main;
  const launcherStartTicks = statOf(running.pid)?.startTicks ?? 0;
  const { instance } = order;
  const identity = { bootId: bootId(), pid, startTicks, launcherPid: running.pid, launcherStartTicks, cgroup: held.leaf, instance };
  const warnings = (word?.lost ?? []).map((limit) => `limits.${limit} could not be set`);
  running.letGo();
  return { is: 'started', identity, launcherEnd: running.end, warnings };
}

function start(
  host: LaunchHost,
  { order, plan, held, posixSpawn }: { order: LaunchOrder; plan: Plan; held: Held; posixSpawn: PosixSpawn | null },
): Running {
  const command = stripped({ argv: plan.argv, user: plan.user, ownSession: true });
  const limits = launcherLimits(order.spec.engine.limits);
  const enter = held.leaf === null ? null : openSync(join(held.leaf, 'cgroup.procs'), 'w');
  try {
    return startLauncher(posixSpawn, {
      file: host.shell ?? '/bin/sh',
      args: launcherArguments(order.instance, enter !== null, limits, command),
      env: plan.env,
      cwd: plan.cwd,
      // As SCRIPT has them. Whatever else the daemon has open closes at exec: Node opens everything so.
      descriptors: ['ignore', 'ignore', 'ignore', 'pipe', held.recordFd, enter ?? 'ignore', order.logFd],
    });
  } finally {
    if (enter !== null) closeSync(enter);
  }
}

/** Null when the launcher ended, or its time ran out, without a word. */
async function firstOf(host: LaunchHost, running: Running): Promise<LauncherWord | null> {
  const timeUp = Promise.withResolvers<null>();
  const timer = host.clock.after(WORD_TIMEOUT_MS, () => timeUp.resolve(null));
  const line = await Promise.race([running.word, timeUp.promise]);
  timer.cancel();
  return line === null ? null : parseWord(line);
}

/** Without a word the record may still have it: then only the pipe was lost. */
function mainInRecord(host: LaunchHost, ref: EngineRef, launcherPid: number): Pick<Identity, 'pid' | 'startTicks'> | null {
  const main = readRun(host.runsDir, runFile(ref))?.main ?? null;
  return main?.launcherPid === launcherPid ? main : null;
}

/** Until setsid it all is one group: the launcher's. */
async function endLauncher(running: Running, leaf: string | null): Promise<void> {
  if (leaf !== null) killCgroup(leaf);
  try {
    if (running.pid !== undefined && running.unreaped()) process.kill(-running.pid, 'SIGKILL');
  } catch {
    // Ended by itself.
  }
  await running.end;
}

function launcherLimits(limits: LimitsSpec) {
  const { openFiles, memlockBytes, bestEffort } = limits;
  // A daemon that is spared by the out-of-memory killer does not pass that on: its engines are what may be killed.
  const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
  return { openFiles, memlockBytes, bestEffort, oomScoreAdjust: limits.oomScoreAdjust ?? (own < 0 ? 0 : null) };
}
