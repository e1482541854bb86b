/** Verbs that only ask. */
import type { MakeVerb, Running } from './verb.ts';
import { version } from './verbs/daemon.ts';
import type { HistoryOptions, OperationsOptions } from './verbs/records.ts';
import { explain, history, operations } from './verbs/records.ts';
import { status } from './verbs/status.ts';
import type { EventOptions, LogOptions } from './verbs/streams.ts';
import { events, logs } from './verbs/streams.ts';
import { wait } from './verbs/wait.ts';

export function asking(verb: MakeVerb, running: Running): void {
  verb('status', 'all pools, or one with its engines')
    .argument('[pool]')
    .action(running((session, name?: string) => status(session, name)));
  verb('explain', 'which rules hold it back, and what ends that')
    .argument('<pool[/n]>')
    .action(running((session, name: string) => explain(session, name)));
  verb('history', 'generations that have ended, newest first')
    .argument('<pool[/n]>')
    .option('--since <time>', 'a date, or how long ago: 8h')
    .option('--limit <count>', 'at most this many (unset: 50)')
    .action(running((session, name: string, options: HistoryOptions) => history(session, name, options)));
  verb('logs', 'what the engines wrote')
    .argument('<pool[/n]>')
    .option('-f, --follow', 'go on with what comes')
    .option('--tail <lines>', 'only the last lines, or all (unset: 100, all with --since and a generation)')
    .option('--previous', 'the generation before the present one')
    .option('--generation <number>', 'only this generation')
    .option('--since <time>', 'a date, or how long ago: 90s')
    .action(running((session, name: string, options: LogOptions) => logs(session, name, options)));
  verb('events', 'what happened')
    .option('-f, --follow', 'go on with what comes')
    .option('--since <time>', 'a date, how long ago, or a cursor')
    .option('--type <types>', 'only these: engine,breaker.opened')
    .option('--pool <pool>', 'only of this pool')
    .action(running((session, options: EventOptions) => events(session, options)));
  verb('operations', 'what was asked for, or one of them with its steps')
    .argument('[id]')
    .option('--cancel', 'take back what of it has not happened yet')
    .option('--reason <text>', 'why; kept with it')
    .action(running((session, id: string | undefined, options: OperationsOptions) => operations(session, id, options)));
  verb('wait', 'until a pool is ready, drained or stopped')
    .argument('<pool>')
    .requiredOption('--for <state>', 'ready, drained or stopped')
    .action(running((session, name: string, options: { readonly for: string }) => wait(session, name, options)));
  verb('version', 'of poolctl and of the daemon').action(running((session) => version(session)));
}
