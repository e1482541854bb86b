/** The command line: verbs, options, help. What each verb does stands in `verbs/`. */
import { Command, Option } from 'commander';
import { parseDuration } from '../config/quantity.ts';
import type { PoolCommand } from '../pool/host.ts';
import { VERSION } from '../version.ts';
import type { ExitCode } from './exit-codes.ts';
import { UsageError } from './exit-codes.ts';
import type { Session } from './session.ts';
import { oneEngine, wholeNumber, wholePool } from './target.ts';
import type { ActOptions } from './verbs/act.ts';
import { act, targets } from './verbs/act.ts';
import { shutdown, version } from './verbs/daemon.ts';
import type { HistoryOptions, OperationsOptions } from './verbs/records.ts';
import { explain, history, operations } from './verbs/records.ts';
import { status } from './verbs/status.ts';
import type { EventOptions, LogOptions } from './verbs/streams.ts';
import { events, logs } from './verbs/streams.ts';
import { wait } from './verbs/wait.ts';

export interface GlobalOptions {
  readonly socket?: string;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly output: 'table' | 'json';
  readonly timeout?: string;
}

/** Opens a session with these options, runs the verb in it, and keeps its exit code. */
export type Run = (options: GlobalOptions, verb: (session: Session) => Promise<ExitCode>) => Promise<void>;

type Cutting = ActOptions & { readonly all?: boolean; readonly now?: boolean };

/** Global options are known before and behind the verb. */
export function program(run: Run): Command {
  const root = new Command('poolctl')
    .description(
      'Looks after the pools of poold. Exit codes: 0 done, 1 failed, 2 bad usage, 3 not found, 4 done but forced, 5 timed out, 6 no daemon, 7 refused, 8 not permitted',
    )
    .version(VERSION, '-V, --version')
    .option('--socket <path>', 'the daemon’s api.sock (or POOLD_SOCKET)')
    .option('--url <url>', 'a daemon over TCP (or POOLD_URL)')
    .option('--token-file <file>', 'with --url: a file with the token')
    .addOption(new Option('--output <form>', 'what to print').choices(['table', 'json']).default('table'))
    .option('--timeout <duration>', 'give up after this long (500ms, 30s, 5m)')
    .showHelpAfterError('(poolctl --help lists the verbs, poolctl VERB --help its options)');
  const verb = (name: string, says: string): Command => root.command(name).description(says);
  const running =
    <A extends unknown[]>(what: (session: Session, ...given: A) => Promise<ExitCode>) =>
    (...given: unknown[]): Promise<void> => {
      const command = given.at(-1) as Command;
      // commander hands over arguments, then the verb's options, then the command.
      return run(command.optsWithGlobals<GlobalOptions>(), (session) => what(session, ...(given.slice(0, -1) as A)));
    };
  asking(verb, running);
  acting(verb, running);
  return root;
}

/** Milliseconds of `--timeout`, null without one. Throws UsageError. */
export function timeoutMsOf({ timeout }: GlobalOptions): number | null {
  if (timeout === undefined) return null;
  const parsedMs = parseDuration(timeout);
  if (parsedMs === null)
    throw new UsageError(`cannot take ${JSON.stringify(timeout)} as --timeout: a duration is a number and ms, s, m or h, as in 30s`);
  return parsedMs;
}

type MakeVerb = (name: string, says: string) => Command;
type Running = <A extends unknown[]>(what: (session: Session, ...given: A) => Promise<ExitCode>) => (...given: unknown[]) => Promise<void>;

function asking(verb: MakeVerb, running: Running): void {
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
  verb('wait', 'until a pool is ready or stopped')
    .argument('<pool>')
    .requiredOption('--for <state>', 'ready or stopped')
    .action(running((session, name: string, options: { readonly for: string }) => wait(session, name, options)));
  verb('version', 'of poolctl and of the daemon').action(running((session) => version(session)));
}

function acting(verb: MakeVerb, running: Running): void {
  const act_ = (name: string, says: string): Command =>
    verb(name, says).option('--reason <text>', 'why; kept with the operation').option('--no-wait', 'return as soon as it has begun');
  const broad = (name: string, says: string, command: (replica: number | null, options: Cutting) => PoolCommand): Command =>
    act_(name, says)
      .argument('[pool[/n]]')
      .option('--all', 'all pools')
      .action(
        running(async (session, target: string | undefined, options: Cutting) =>
          act(
            session,
            await targets(session, { name: target, all: options.all ?? false, command: (replica) => command(replica, options) }),
            options,
          ),
        ),
      );
  broad('start', 'start what is missing', (replica) => ({ do: 'start', replica }));
  broad('stop', 'stop, until somebody starts it', (replica, { now }) => ({ do: 'stop', replica, now: now ?? false })).option(
    '--now',
    'cut what is under way',
  );
  broad('restart', 'stop and start one engine after the other', (replica, { now }) => ({
    do: 'restart',
    replica,
    now: now ?? false,
  })).option('--now', 'cut what is under way');
  act_('scale', 'set how many engines are wanted')
    .argument('<pool>')
    .argument('<n>')
    .action(
      running((session, name: string, count: string, options: ActOptions) => {
        const replicas = wholeNumber(count, { what: 'the number of engines', from: 0, to: 10_000 });
        return act(session, [{ pool: wholePool(name), command: { do: 'scale', replicas } }], options);
      }),
    );
  act_('reset', 'close the breakers, forget the failures')
    .argument('<pool>')
    .option('--class <class>', 'only the breaker of this crash class')
    .option('--forget', 'give up engines that are stuck')
    .action(
      running((session, name: string, options: ActOptions & { readonly class?: string; readonly forget?: boolean }) =>
        act(
          session,
          [{ pool: wholePool(name), command: { do: 'reset', class: options.class ?? null, forget: options.forget ?? false } }],
          options,
        ),
      ),
    );
  act_('retry', 'one start now, past back-off, limiter and breakers')
    .argument('<pool[/n]>')
    .action(
      running(async (session, name: string, options: ActOptions) =>
        act(session, await targets(session, { name, all: false, command: (replica) => ({ do: 'retry', replica }) }), options),
      ),
    );
  act_('signal', 'send a signal to one engine')
    .argument('<pool/n>')
    .argument('<signal>')
    .action(
      running((session, name: string, signal: string, options: ActOptions) => {
        const { pool, replica } = oneEngine(name);
        return act(session, [{ pool, command: { do: 'signal', replica, signal: signal.toUpperCase() } }], options);
      }),
    );
  act_('shutdown', 'end poold')
    .option('--engines <what>', 'stop them, or keep them for the next poold', 'stop')
    .action(running((session, options: ActOptions & { readonly engines: string }) => shutdown(session, options)));
}
