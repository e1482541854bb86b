/** Verbs that show what comes: logs and events. */
import type { LogRecord } from '../../api/schemas.ts';
import { ClientError } from '../../client/client-error.ts';
import { counted } from '../../config/counted.ts';
import type { Event } from '../../events/event.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { harmless } from '../harmless.ts';
import type { Output } from '../output.ts';
import type { Session } from '../session.ts';
import { poolTarget, wholeNumber } from '../target.ts';

export interface LogOptions {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly previous?: boolean;
  readonly generation?: string;
  readonly since?: string;
}

/** What a person can read; whoever wants more says `--tail`, `--since`, or which generation. */
const TAIL_LINES = 100;

export async function logs({ client, out }: Session, name: string, options: LogOptions): Promise<ExitCode> {
  const { pool, replica } = poolTarget(name);
  const { follow = false, previous = false, since } = options;
  if (previous && options.generation !== undefined) throw new UsageError('cannot take both: write either --previous or --generation');
  if (previous && follow) throw new UsageError('cannot follow a generation that has ended: leave out --follow or --previous');
  const generation =
    options.generation === undefined ? undefined : wholeNumber(options.generation, { what: '--generation', from: 1, to: 999_999_999 });
  const chosen = previous || generation !== undefined || since !== undefined;
  const tail = tailOf(options.tail, chosen ? undefined : TAIL_LINES);
  const several = replica === null && (await client.pool(pool)).engines.length > 1;
  for await (const record of client.logs(pool, { replica, follow, tail, previous, generation, since }, out.closed)) {
    if (out.json) out.record(record);
    else out.lines([logText(out, record, several)]);
    if (out.closed.aborted) break;
  }
  return EXIT.done;
}

function tailOf(text: string | undefined, unset: number | undefined): number | undefined {
  if (text === undefined) return unset;
  return text === 'all' ? undefined : wholeNumber(text, { what: '--tail', from: 0, to: 100_000 });
}

function logText(out: Output, { engine, is, text, bytes }: LogRecord, named: boolean): string {
  const prefix = named ? `${out.style('cyan', engine)} ` : '';
  if (is === 'line') return prefix + harmless(text ?? '');
  const mark = is === 'gap' ? `${counted(bytes ?? 0, 'byte')} left out: this terminal was too slow` : harmless(text ?? '');
  return prefix + out.style('dim', `--- ${mark} ---`);
}

export interface EventOptions {
  readonly follow?: boolean;
  readonly since?: string;
  readonly type?: string;
  readonly pool?: string;
}

export async function events({ client, out }: Session, { follow = false, since, type, pool }: EventOptions): Promise<ExitCode> {
  for await (const message of client.events({ follow, since, type, pool }, out.closed)) {
    if (message.is === 'lagged') lagged(message.cursor);
    if (message.is === 'reset') out.note(`poolctl: what happened before ${message.cursor} is no longer known`);
    if (message.is === 'event' && out.json) out.record(message.event);
    if (message.is === 'event' && !out.json) out.lines([eventText(message.event)]);
    if (out.closed.aborted) break;
  }
  return EXIT.done;
}

function lagged(cursor: string): never {
  throw new ClientError('timed_out', `cannot keep up with the events; go on with poolctl events -f --since ${cursor}`, { status: null });
}

/** Time, type, whom it is about, and the facts as they came. */
function eventText({ at, type, pool, engine, cursor: _cursor, ...facts }: Event): string {
  const told = Object.entries(facts).map(([name, value]) => `${name}=${factText(value)}`);
  return harmless([at, type.padEnd(18), engine ?? pool ?? '', ...told].join('  ').trimEnd());
}

function factText(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? '';
}
