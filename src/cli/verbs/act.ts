/** Verbs that change something: begun, then followed to their end. */
import type { PoolCommand } from '../../pool/host.ts';
import type { Operation } from '../../pool/status.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT, exitOfOperation, UsageError } from '../exit-codes.ts';
import { harmless } from '../harmless.ts';
import type { Session } from '../session.ts';
import { poolTarget } from '../target.ts';
import { span } from '../times.ts';
import { followed } from './follow.ts';

export interface ActOptions {
  readonly reason?: string;
  /** False with `--no-wait`. */
  readonly wait: boolean;
}

export interface Act {
  readonly pool: string;
  readonly command: PoolCommand;
}

/** Begins all of them first, then follows each. The worst exit code counts. */
export async function act(session: Session, acts: readonly Act[], options: ActOptions): Promise<ExitCode> {
  const { client, out, clock } = session;
  const begun: Operation[] = [];
  for (const { pool, command } of acts) begun.push(await client.act(pool, command, options.reason ?? null));
  if (!options.wait) {
    for (const operation of begun) show(session, operation);
    return EXIT.done;
  }
  const endMs = session.timeoutMs === null ? Number.POSITIVE_INFINITY : clock.nowMs() + session.timeoutMs;
  const codes: ExitCode[] = [];
  for (const operation of begun) {
    const last = await followed(session, operation, endMs);
    out.live(null);
    if (last.endedAt !== null || out.json) show(session, last);
    codes.push(exitOf(session, last));
  }
  return codes.find((code) => code !== EXIT.done && code !== EXIT.forced) ?? codes.find((code) => code === EXIT.forced) ?? EXIT.done;
}

/** What `POOL`, `POOL/N` or `--all` stands for. Throws UsageError, ClientError. */
export async function targets(
  { client }: Session,
  {
    name,
    all,
    command,
  }: { readonly name: string | undefined; readonly all: boolean; readonly command: (replica: number | null) => PoolCommand },
): Promise<readonly Act[]> {
  if (all && name !== undefined) throw new UsageError('cannot take both: write either POOL or --all');
  if (all) return (await client.pools()).map(({ pool }) => ({ pool, command: command(null) }));
  if (name === undefined) throw new UsageError('cannot tell which pool is meant: write POOL, POOL/N or --all');
  const { pool, replica } = poolTarget(name);
  return [{ pool, command: command(replica) }];
}

/** One line of what became of an operation. */
export function outcomeText({ id, kind, pool, state, outcome, error }: Operation): string {
  const what = `${kind} ${pool}`;
  if (error !== null) return harmless(`${what}: ${outcome ?? state}: ${error.message}`);
  if (state === 'succeeded') return `${what}: ${outcome === 'already' ? 'already so, nothing to do' : (outcome ?? 'done')}`;
  if (state === 'queued' || state === 'running') return `${what}: begun; poolctl operations ${id} shows how it goes`;
  return `${what}: ${outcome ?? state}`;
}

function show({ out }: Session, operation: Operation): void {
  if (out.json) out.record(operation);
  else if (operation.error !== null) out.note(outcomeText(operation));
  else out.lines([outcomeText(operation)]);
}

function exitOf({ out, timeoutMs }: Session, operation: Operation): ExitCode {
  if (operation.endedAt !== null) return exitOfOperation(operation);
  out.note(
    `poolctl: cannot wait any longer: ${operation.kind} ${operation.pool} is not over after ${span(timeoutMs ?? 0)}; it goes on, poolctl operations ${operation.id} shows how, --cancel ends it`,
  );
  return EXIT.timedOut;
}
