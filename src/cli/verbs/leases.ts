/** Who holds and who waits: `leases`, `queue POOL`. */
import type { LeaseStatus, Waiter } from '../../lease/lease.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless } from '../harmless.ts';
import { estimateText } from '../live-line.ts';
import type { Session } from '../session.ts';
import type { Column } from '../table.ts';
import { table } from '../table.ts';
import { wholePool } from '../target.ts';
import { durationMs, relative, span } from '../times.ts';

export interface LeasesOptions {
  readonly older?: string;
  readonly holder?: string;
}

export async function leases(session: Session, name: string | undefined, { older, holder }: LeasesOptions): Promise<ExitCode> {
  const { out, clock } = session;
  const pool = name === undefined ? null : wholePool(name);
  const list = await session.leases.list({ pool, holder: holder ?? null, olderMs: durationMs(older, '--older') });
  if (out.json) out.value({ items: list });
  else if (list.length === 0)
    out.note(`no lease is held${name === undefined ? '' : ` on ${name}`}${older === undefined ? '' : ` for ${older} or longer`}`);
  else out.lines(table(leaseColumns(clock.wallMs()), list, out.width));
  return EXIT.done;
}

function leaseColumns(wallMs: number): readonly Column<LeaseStatus>[] {
  return [
    { title: 'ID', cell: ({ id }) => id },
    { title: 'POOL', cell: ({ pool }) => pool },
    { title: 'ENGINE', cell: ({ engine }) => `${engine.id}#${engine.generation}` },
    { title: 'SLOT', cell: ({ slot }) => String(slot), right: true },
    { title: 'HOLDER', cell: ({ holder }) => harmless(holder) },
    { title: 'HELD', cell: ({ heldMs }) => span(heldMs), right: true },
    {
      title: 'EXPIRES',
      cell: ({ expiresAt, bind }) => (expiresAt === null && bind === 'connection' ? 'with its connection' : relative(expiresAt, wallMs)),
    },
    { title: 'DRAINING', cell: ({ draining, deadlineAt }) => (draining ? endsText(deadlineAt, wallMs) : ''), optional: true },
    { title: 'CLIENT', cell: ({ client }) => harmless(client) },
  ];
}

function endsText(deadlineAt: string | null, wallMs: number): string {
  return deadlineAt === null ? 'yes' : `ends ${relative(deadlineAt, wallMs)}`;
}

export async function queue(session: Session, name: string): Promise<ExitCode> {
  const { out } = session;
  const waiters = await session.leases.queue(wholePool(name));
  if (out.json) out.value({ items: waiters });
  else if (waiters.length === 0) out.note(`nobody waits for ${name}`);
  else out.lines(table(QUEUE_COLUMNS, waiters, out.width));
  return EXIT.done;
}

const QUEUE_COLUMNS: readonly Column<Waiter>[] = [
  { title: 'POSITION', cell: ({ queuePosition }) => String(queuePosition), right: true },
  { title: 'TICKET', cell: ({ ticket }) => ticket },
  { title: 'HOLDER', cell: ({ holder }) => harmless(holder) },
  { title: 'PRIORITY', cell: ({ priority }) => String(priority), right: true },
  { title: 'WAITED', cell: ({ waitedMs }) => span(waitedMs), right: true },
  { title: 'ESTIMATE', cell: (waiter) => estimateText(waiter) ?? 'unknown' },
];
