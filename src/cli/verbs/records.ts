/** Verbs that show what was and why: history, explain, operations. */
import { counted } from '../../config/counted.ts';
import type { Explanation, Operation } from '../../pool/status.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { harmless } from '../harmless.ts';
import type { Session } from '../session.ts';
import { table } from '../table.ts';
import { poolTarget, wholeNumber } from '../target.ts';
import { relative, span } from '../times.ts';
import { outcomeText } from './act.ts';
import { exitText } from './status.ts';

export async function explain({ client, out }: Session, name: string): Promise<ExitCode> {
  const { pool, replica } = poolTarget(name);
  const rules = await client.explain(pool, replica);
  if (out.json) out.value({ items: rules });
  else if (rules.length === 0) out.lines([`${name}: no rule holds it back`]);
  else
    out.lines(Object.entries(Object.groupBy(rules, ({ subject }) => subject)).flatMap(([subject, list]) => explained(subject, list ?? [])));
  return EXIT.done;
}

function explained(subject: string, rules: readonly Explanation[]): readonly string[] {
  const chars = Math.max(...rules.map(({ rule }) => rule.length));
  return [subject, ...rules.map(({ rule, says }) => `  ${rule.padEnd(chars)}  ${harmless(says)}`)];
}

export interface HistoryOptions {
  readonly since?: string;
  readonly limit?: string;
}

export async function history({ client, out, clock }: Session, name: string, { since, limit }: HistoryOptions): Promise<ExitCode> {
  const { pool, replica } = poolTarget(name);
  const most = limit === undefined ? undefined : wholeNumber(limit, { what: '--limit', from: 1, to: 1_000 });
  const entries = await client.history(pool, { replica, since, limit: most });
  const wallMs = clock.wallMs();
  if (out.json) out.value({ items: entries });
  else if (entries.length === 0) out.lines([`${name}: no generation has ended${since === undefined ? '' : ` since ${since}`}`]);
  else {
    const columns = [
      { title: 'ENGINE', cell: ({ engine }: (typeof entries)[number]) => engine },
      { title: 'GEN', cell: ({ generation }: (typeof entries)[number]) => String(generation), right: true },
      { title: 'ENDED', cell: ({ at }: (typeof entries)[number]) => relative(at, wallMs) },
      { title: 'CLASS', cell: (entry: (typeof entries)[number]) => harmless(exitText(entry)) },
      { title: 'UPTIME', cell: ({ uptimeMs }: (typeof entries)[number]) => span(uptimeMs), right: true },
      { title: 'READY', cell: ({ readyMs }: (typeof entries)[number]) => (readyMs === null ? '' : span(readyMs)), right: true },
      {
        title: 'MESSAGE',
        cell: ({ message }: (typeof entries)[number]) => harmless(message),
      },
    ];
    out.lines(table(columns, entries, out.width));
  }
  return EXIT.done;
}

export interface OperationsOptions {
  readonly cancel?: boolean;
  readonly reason?: string;
}

export async function operations(
  { client, out, clock }: Session,
  id: string | undefined,
  { cancel, reason }: OperationsOptions,
): Promise<ExitCode> {
  if (id !== undefined) {
    const operation = cancel ? await client.cancel(id, reason ?? null) : await client.operation(id);
    if (out.json) out.value(operation);
    else out.lines(operationLines(operation, clock.wallMs()));
    return EXIT.done;
  }
  if (cancel) throw new UsageError('cannot tell which operation is meant: write poolctl operations ID --cancel');
  const list = await client.operations(null);
  if (out.json) out.value({ items: list });
  else if (list.length === 0) out.note('there are no operations');
  else out.lines(operationTable(list, { wallMs: clock.wallMs(), width: out.width }));
  return EXIT.done;
}

function operationTable(
  list: readonly Operation[],
  { wallMs, width }: { readonly wallMs: number; readonly width: number | null },
): readonly string[] {
  return table(
    [
      { title: 'ID', cell: ({ id }: Operation) => id },
      { title: 'KIND', cell: ({ kind }: Operation) => kind },
      { title: 'POOL', cell: ({ pool }: Operation) => pool },
      { title: 'STATE', cell: ({ state }: Operation) => state },
      { title: 'OUTCOME', cell: ({ outcome, error }: Operation) => outcome ?? error?.code ?? '' },
      { title: 'STARTED', cell: ({ startedAt }: Operation) => relative(startedAt, wallMs) },
      { title: 'BY', cell: ({ by, reason }: Operation) => harmless(reason === null ? by : `${by}: ${reason}`) },
    ],
    list,
    width,
  );
}

function operationLines(operation: Operation, wallMs: number): readonly string[] {
  const { id, state, by, reason, startedAt, endedAt, steps } = operation;
  return [
    `${id}  ${outcomeText(operation)}`,
    `  ${state}, begun ${relative(startedAt, wallMs)}${endedAt === null ? '' : `, ended ${relative(endedAt, wallMs)}`}, by ${harmless(by)}${reason === null ? '' : `: ${harmless(reason)}`}`,
    ...progressLines(operation, wallMs),
    ...steps.map(({ at, text }) => `  ${at}  ${harmless(text)}`),
  ];
}

/** What it is waiting for; nothing once it has ended. The leases that it cut are among its steps. */
function progressLines({ endedAt, progress }: Operation, wallMs: number): readonly string[] {
  const { leasesLeft, deadlineAt, candidate } = progress;
  if (endedAt !== null) return [];
  const parts = [
    ...(leasesLeft === 0 ? [] : [`${counted(leasesLeft, 'lease')} left`]),
    ...(deadlineAt === null ? [] : [`deadline ${relative(deadlineAt, wallMs)}`]),
    ...(candidate === null ? [] : [`candidate ${harmless(candidate)}`]),
  ];
  return parts.length === 0 ? [] : [`  ${parts.join(', ')}`];
}
