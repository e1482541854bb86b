/** `lease exec POOL -- COMMAND…`: a command that has an engine for as long as it runs. */
import { ClientError } from '../../client/client-error.ts';
import type { Timer } from '../../clock.ts';
import { pause } from '../../clock.ts';
import type { Granted } from '../../lease/lease.ts';
import type { Child, ChildEnd } from '../child.ts';
import { startChild } from '../child.ts';
import { ending, exitOfSignal } from '../ending.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless } from '../harmless.ts';
import { isGone, LeaseKeeper } from '../lease-keeper.ts';
import type { Session } from '../session.ts';
import { wholePool } from '../target.ts';
import { span } from '../times.ts';
import type { AcquireOptions } from './lease.ts';
import { wishOf } from './lease.ts';
import { whenGranted } from './lease-queue.ts';

/** From TERM to KILL, once the lease is lost. */
const KILL_MS = 10_000;
/** So long a daemon that is away is asked to take the lease back; then it expires by itself. */
const RELEASE_MS = 5_000;
const RETRY_MS = 200;

export async function leaseExec(
  session: Session,
  { name, command }: { readonly name: string; readonly command: readonly string[] },
  options: AcquireOptions,
): Promise<number> {
  const [pool, wish] = [wholePool(name), wishOf(options)];
  let child: Child | null = null;
  const end = ending((signal) => {
    // A terminal sends what is typed to both of us: passed on as well it would count twice.
    const typed = signal === 'SIGINT' || signal === 'SIGQUIT';
    if (!typed || !process.stdin.isTTY) child?.kill(signal);
  });
  try {
    const lease = await whenGranted(session, { pool, wish, signal: end.signal });
    if (lease === null) return end.code ?? EXIT.failed;
    if (end.signal.aborted) {
      await givenBack(session, lease);
      return end.code ?? EXIT.failed;
    }
    child = startChild(command, environmentOf(lease));
    return await watched(session, { lease, child, called: command[0] ?? '' });
  } finally {
    end.leave();
  }
}

function environmentOf({ id, token, engine, deadlineAt }: Granted): Readonly<Record<string, string>> {
  return { POOLD_ENGINE_URL: engine.url ?? '', POOLD_LEASE_ID: id, POOLD_LEASE_TOKEN: token, POOLD_DEADLINE: deadlineAt ?? '' };
}

interface Watched {
  readonly lease: Granted;
  readonly child: Child;
  /** The command's name, for messages. */
  readonly called: string;
}

/** ORDER: the lease is kept until the command has ended, then given back, and only then do we answer. */
async function watched(session: Session, { lease, child, called }: Watched): Promise<number> {
  const { out, clock } = session;
  let lost: string | null = null;
  let kill: Timer | null = null;
  const keeper = new LeaseKeeper(session, lease, {
    lost(why) {
      lost = why;
      out.note(`poolctl: lease ${lease.id} is lost: ${harmless(why)}; ${harmless(called)} gets TERM`);
      child.kill('SIGTERM');
      kill = clock.after(KILL_MS, () => child.kill('SIGKILL'));
    },
    says: (message) => out.note(`poolctl: ${harmless(message)}`),
  });
  const ended = await child.ended;
  keeper.stop();
  (kill as Timer | null)?.cancel();
  if (lost === null && !keeper.released) {
    lost = await givenBack(session, lease);
    if (lost !== null) out.note(`poolctl: lease ${lease.id} was lost before ${harmless(called)} ended: ${harmless(lost)}`);
  }
  if (ended.problem !== null) out.note(`poolctl: cannot run ${harmless(called)}: ${problemText(ended.problem)}`);
  return lost === null ? exitOf(ended) : EXIT.leaseLost;
}

/** Null once it is released, or when nobody is there to take it; else how it had ended before. */
async function givenBack(session: Session, { id, token, ttlMs }: Granted): Promise<string | null> {
  const { leases, clock, out } = session;
  const endMs = clock.nowMs() + RELEASE_MS;
  for (let first = true; ; first = false) {
    try {
      const { outcome } = await leases.release(id, { token, outcome: null });
      // An answer may have been lost on the way: then it was we who ended it.
      return outcome === 'released' || !first ? null : await howItEnded(session, id);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      // It ended so long ago that nobody remembers: this one was released, and the answer to that was lost.
      if (error.code === 'lease_not_found') return null;
      if (isGone(error)) return error.message;
      if (clock.nowMs() >= endMs) {
        out.note(`poolctl: cannot release lease ${id}: ${harmless(error.message)}; it expires by itself within ${span(ttlMs)}`);
        return null;
      }
      await pause(clock, RETRY_MS);
    }
  }
}

/** Null where somebody has released it, as the command itself may. */
async function howItEnded({ leases }: Session, id: string): Promise<string | null> {
  try {
    await leases.lease(id);
  } catch (error) {
    if (error instanceof ClientError) return error.facts.reason === 'released' ? null : error.message;
    throw error;
  }
  return null;
}

/** As a shell does it. */
function exitOf({ code, signal, problem }: ChildEnd): number {
  if (problem !== null) return problem === 'ENOENT' ? 127 : 126;
  return signal === null ? (code ?? EXIT.failed) : exitOfSignal(signal);
}

function problemText(problem: string): string {
  if (problem === 'ENOENT') return 'there is no such command';
  return problem === 'EACCES' ? 'it is not executable' : problem;
}
