/**
 * After a start of the daemon: what became of the generations that the last one knew, and what runs that nobody knows.
 * Nothing is signalled here but a launcher that hangs before it has an engine, and nothing is believed for being written down: see `prove`.
 */
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { pause } from '../clock.ts';
import type { Containment } from './cgroup.ts';
import { childrenOf, pidsIn, populated, removeCgroup } from './cgroup.ts';
import type { EngineExit } from './exits.ts';
import { endedAs } from './exits.ts';
import type { EngineRef, Identity, Side } from './identity.ts';
import { refOf } from './instance.ts';
import { bootId, liveStat, statOf } from './proc.ts';
import { alive, launchedInstance, launcherLives, prove } from './proof.ts';
import type { RunRecord } from './records.ts';
import { listRuns, readRun, removeRun, runFile } from './records.ts';
import type { ProcessTable, Seen } from './scan.ts';

/** A generation as the store has it; `identity: null` = the intent was stored, and the daemon died before it could store the pid. */
export interface StoredRun {
  readonly ref: EngineRef;
  readonly instance: string;
  readonly identity: Identity | null;
}

export type Found =
  | { readonly is: 'alive'; readonly ref: EngineRef; readonly identity: Identity }
  /** `identity`: whom to ask the tree for what is left of it. */
  | { readonly is: 'ended'; readonly ref: EngineRef; readonly identity: Identity; readonly exit: EngineExit }
  | { readonly is: 'neverStarted'; readonly ref: EngineRef }
  | { readonly is: 'unproven'; readonly ref: EngineRef; readonly identity: Identity };

export interface Stray {
  readonly ref: EngineRef;
  readonly identity: Identity;
  /** As its record has them; null where it has none, or is lost. */
  readonly port: number | null;
  readonly device: string | null;
  readonly side: Side;
}

export interface Adoption {
  /** One for each stored run, in their order. */
  readonly found: readonly Found[];
  /** Ours by every proof, and unknown to the store: to rebuild it, or to be ended. */
  readonly strays: readonly Stray[];
}

export interface AdoptHost {
  readonly clock: Clock;
  readonly runsDir: string;
  /** `Store.instance`: what the mark of every process of ours starts with. */
  readonly stateInstance: string;
  readonly containment: Containment;
  readonly table: ProcessTable;
}

/** How long a launcher that lives may take to write what is missing in its record. */
const SETTLE = { everyMs: 5, rounds: 200 } as const;

export async function adopt(host: AdoptHost, stored: readonly StoredRun[]): Promise<Adoption> {
  const seen = await host.table.look();
  const found = await Promise.all(stored.map((run) => findOne(host, run, seen)));
  const known = new Set(stored.map((run) => run.instance));
  const strays = straysAmong(host, seen, known);
  // What a start had made before it came to a process is given back: nobody will ask for it again.
  const begun = stored.filter((_, index) => found[index]?.is !== 'neverStarted').map((run) => run.instance);
  sweep(host, new Set([...begun, ...strays.map((stray) => stray.identity.instance)]));
  return { found, strays };
}

async function findOne(host: AdoptHost, run: StoredRun, seen: readonly Seen[]): Promise<Found> {
  const { ref } = run;
  const identity = run.identity ?? (await identityOf(host, run, seen));
  if (identity === null) return { is: 'neverStarted', ref };
  const proof = prove(identity);
  if (proof !== 'ended') return { is: proof, ref, identity };
  const record = await endedRecord(host, run, identity);
  return { is: 'ended', ref, identity, exit: { ref, instance: run.instance, ...endedAs(record, host.clock.wallMs()) } };
}

/** The daemon died between spawn and commit: the record has it, or will have in a moment, if a launcher is there to write it. */
async function identityOf(host: AdoptHost, run: StoredRun, seen: readonly Seen[]): Promise<Identity | null> {
  const launcher = seen.find((one) => launchedInstance(one.pid) === run.instance);
  const record = await settled(
    () => recordOf(host, run),
    (it) => it?.main != null || launcher === undefined || liveStat(launcher.pid)?.startTicks !== launcher.startTicks,
    host.clock,
  );
  // Forged or not: what has ended is told by its record, and what lives has to be proved all the same.
  const identity = identityIn(record) ?? mainAmong(host, run.instance, seen);
  if (identity !== null || launcher === undefined) return identity;
  // ORDER: it must not start an engine when somebody else has been started in its place; and it may just have done it.
  endLauncher(launcher);
  return identityIn(recordOf(host, run));
}

/** A launcher that hangs before it has written anything is alone in its group, with a subshell that is not the engine yet. */
function endLauncher({ pid, startTicks }: Seen): void {
  const stat = liveStat(pid);
  if (stat?.startTicks !== startTicks || stat.groupId !== pid) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Ended by itself.
  }
}

async function endedRecord(host: AdoptHost, run: StoredRun, identity: Identity): Promise<RunRecord | null> {
  return settled(
    () => recordOf(host, run),
    (record) => record?.exit != null || !launcherLives(identity),
    host.clock,
  );
}

/** `read` again until it is `enough`, or a second has gone. ORDER: judged before it is read again, so the last read is after the last change. */
async function settled<T>(read: () => T, enough: (value: T) => boolean, clock: Clock): Promise<T> {
  for (let round = 0; round < SETTLE.rounds; round += 1) {
    if (enough(read())) break;
    await pause(clock, SETTLE.everyMs);
  }
  return read();
}

function recordOf(host: AdoptHost, run: Pick<StoredRun, 'ref' | 'instance'>): RunRecord | null {
  const record = readRun(host.runsDir, runFile(run.ref));
  return record?.header.instance === run.instance ? record : null;
}

/** The launcher's start time is not written: it is told by the process that proves to be that launcher. */
function identityIn(record: RunRecord | null): Identity | null {
  if (record?.main == null) return null;
  const { instance, bootId: boot, cgroup } = record.header;
  const { launcherPid } = record.main;
  const launcherStartTicks = launchedInstance(launcherPid) === instance ? (statOf(launcherPid)?.startTicks ?? 0) : 0;
  return { ...record.main, bootId: boot, launcherStartTicks, cgroup, instance };
}

function straysAmong(host: AdoptHost, seen: readonly Seen[], known: ReadonlySet<string>): Adoption['strays'] {
  const instances = new Set<string>();
  for (const one of seen) {
    const instance = one.mark ?? launchedInstance(one.pid);
    if (instance !== null) instances.add(instance);
  }
  for (const leaf of leavesOf(host)) if (populated(leaf.path)) instances.add(leaf.instance);
  return [...instances].flatMap((instance) => {
    const ref = known.has(instance) ? null : refOf(host.stateInstance, instance);
    if (ref === null) return [];
    const record = recordOf(host, { ref, instance });
    const written = identityIn(record);
    const identity = written !== null && prove(written) === 'alive' ? written : mainAmong(host, instance, seen);
    return identity === null
      ? []
      : [{ ref, identity, port: record?.header.port ?? null, device: record?.header.device ?? null, side: record?.header.side ?? 'a' }];
  });
}

/** The main process of a tree without a record: the launcher's child, else the oldest member that leads a session, else the oldest. */
function mainAmong(host: AdoptHost, instance: string, seen: readonly Seen[]): Identity | null {
  const launcher = seen.find((one) => launchedInstance(one.pid) === instance);
  const leaf = leavesOf(host).find((one) => one.instance === instance)?.path ?? null;
  const inside = new Set(leaf === null ? [] : pidsIn(leaf));
  const members = seen.filter((one) => one.pid !== launcher?.pid && one.pid > 1 && (one.mark === instance || inside.has(one.pid)));
  const byAge = members.toSorted((a, b) => a.startTicks - b.startTicks);
  const main = byAge.find((one) => one.parentPid === launcher?.pid) ?? byAge.find((one) => one.sessionId === one.pid) ?? byAge[0];
  if (main === undefined) return null;
  const { pid, startTicks } = main;
  return {
    bootId: bootId(),
    pid,
    startTicks,
    launcherPid: launcher?.pid ?? 0,
    launcherStartTicks: launcher?.startTicks ?? 0,
    cgroup: leaf,
    instance,
  };
}

function leavesOf(host: AdoptHost): { readonly instance: string; readonly path: string }[] {
  const { containment } = host;
  if (containment.by === 'weak') return [];
  return childrenOf(containment.parent).map((instance) => ({ instance, path: join(containment.parent, instance) }));
}

/** Records and leaves that neither the store nor a process knows any more. */
function sweep(host: AdoptHost, known: ReadonlySet<string>): void {
  for (const file of listRuns(host.runsDir)) {
    const record = readRun(host.runsDir, file);
    if (record === null || (!known.has(record.header.instance) && !livesStill(record))) removeRun(host.runsDir, file);
  }
  for (const leaf of leavesOf(host)) if (!known.has(leaf.instance)) removeCgroup(leaf.path);
}

function livesStill(record: RunRecord): boolean {
  const identity = identityIn(record);
  return identity !== null && (alive(identity) || launcherLives(identity));
}
