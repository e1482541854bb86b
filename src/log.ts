/** The daemon's own log: JSON lines on stdout, for people on a terminal. Each event is a line with the contract's names for its facts. */
import type { LevelWithSilent, Logger } from 'pino';
import { destination, pino } from 'pino';
import { PinoPretty } from 'pino-pretty';
import type { Bus } from './events/bus.ts';
import type { Event, EventType, Fact } from './events/event.ts';

export type Log = Logger;
type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface LogOptions {
  readonly level: LevelWithSilent;
  /** For people instead of programs; unset: on a terminal. */
  readonly pretty?: boolean;
}

/** What waits for a reader of stdout that has stopped reading; beyond it lines are dropped, as nothing may stop the daemon. */
const WAITING_BYTES = 1 << 20;

export function createLog({ level, pretty = process.stdout.isTTY }: LogOptions): Log {
  const base = null;
  if (pretty)
    return pino(
      { level, base },
      PinoPretty({ sync: true, singleLine: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'event,cursor,pool,engine' }),
    );
  const stdout = destination({ dest: 1, sync: false, maxLength: WAITING_BYTES });
  // The reader has gone: the daemon goes on without its log.
  stdout.on('error', () => {});
  // ORDER: pino flushes at once behind a fatal line where it can, and so overtakes the lines that are still being written.
  const inOrder = { write: (line: string): boolean => stdout.write(line) };
  return pino({ level, base, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, inOrder);
}

/** Writes a line for each event from now on; returns what ends it. */
export function logEvents(bus: Pick<Bus, 'subscribe'>, log: Pick<Log, Level | 'isLevelEnabled'>): () => void {
  return bus.subscribe((event) => {
    const level = levelOf(event);
    // Leases come by the thousand: what is not written is not put together either.
    if (log.isLevelEnabled(level)) log[level](fieldsOf(event), messageOf(event));
  });
}

/** Everything else is `info`. */
const LEVELS: Partial<Readonly<Record<EventType, Level>>> = {
  'daemon.starved': 'error',
  'engine.unready': 'warn',
  'engine.backoff': 'warn',
  'engine.failed': 'error',
  'engine.stuck': 'error',
  'breaker.opened': 'error',
  'restart.limited': 'warn',
  'restart.storm': 'fatal',
  'lease.granted': 'debug',
  'lease.renewed': 'debug',
  'lease.released': 'debug',
  'lease.expired': 'warn',
  'lease.forced': 'warn',
  'lease.engine_lost': 'warn',
  'lease.lost': 'error',
  'ticket.queued': 'debug',
  'ticket.promoted': 'debug',
  'ticket.left': 'debug',
  'ticket.expired': 'debug',
  'ticket.refused': 'debug',
  'drain.progress': 'debug',
  'drain.forced': 'warn',
  'reload.rolled_back': 'error',
  'config.rejected': 'error',
  'log.dropped': 'warn',
};

/** Facts that have another name in a line; all others keep theirs. */
const NAMES: Readonly<Record<string, string>> = {
  code: 'exitCode',
  delayMs: 'backoffMs',
  nextStartAt: 'nextRestartAt',
  count: 'restartCount',
  version: 'engineVersion',
  // The line has a level of its own.
  level: 'limitLevel',
};

function levelOf({ type, facts }: Event): Level {
  if (type === 'engine.exited') return facts.failure === true ? 'warn' : 'info';
  // A drain that somebody is in the way of will cut him off if he stays.
  if (type === 'drain.started') return Number(facts.leases) > 0 ? 'warn' : 'info';
  return LEVELS[type] ?? 'info';
}

function fieldsOf(event: Event): Readonly<Record<string, Fact | undefined>> {
  const { type, cursor, pool, engine, generation, by, facts } = event;
  const fields: Record<string, Fact | undefined> = { event: type, cursor, ...(pool === null ? {} : { pool }), engine, generation, by };
  for (const [name, value] of Object.entries(facts)) {
    // The message is the line's own.
    if (name === 'message' || name in fields) continue;
    if (name === 'uptimeMs' && typeof value === 'number') fields.uptimeSeconds = value / 1_000;
    else fields[NAMES[name] ?? name] = value;
  }
  return fields;
}

function messageOf({ type, pool, engine, facts }: Event): string {
  const subject = engine ?? pool ?? 'poold';
  const what = type.slice(type.indexOf('.') + 1).replaceAll('_', ' ');
  const said = [facts.message, facts.hint, facts.reason].find((fact) => typeof fact === 'string');
  const noun = type.startsWith('engine.') || type.startsWith('daemon.') ? '' : `${type.slice(0, type.indexOf('.'))} `;
  return `${subject}: ${noun}${type === 'pool.state' ? `${facts.oldState} -> ${facts.newState}` : what}${said === undefined ? '' : `: ${said}`}`;
}
