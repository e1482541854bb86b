/** `poold`: the daemon in the foreground, and the small commands that need none. contract.md, "Processes and paths". */
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { createToken } from './api/tokens.ts';
import { systemClock } from './clock.ts';
import { checkConfig } from './config/check.ts';
import { initConfig } from './config/init.ts';
import { parseDuration } from './config/quantity.ts';
import { configJsonSchema } from './config/schema.ts';
import type { Kind } from './config/spec.ts';
import { runDaemon } from './daemon.ts';
import { needDescriptors } from './descriptors.ts';
import { PooldError } from './errors.ts';
import { armFailpoint } from './failpoint.ts';
import { closeInherited } from './inherited.ts';
import type { PathOptions } from './paths.ts';
import { pathsFor } from './paths.ts';
import { VERSION } from './version.ts';

/** Exit codes of `poold`: contract.md, "CLI". */
const EXIT = { done: 0, failed: 1, usage: 2, running: 3 } as const;

/** Runs the command line; resolves to the exit code when the command, or the daemon, has ended. */
export async function main(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.done;
  const program = programFor((done) => {
    code = done;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (!(error instanceof PooldError)) throw error;
    process.stderr.write(`poold: ${error.message}\n`);
    if (error.facts.reason === 'already_running') return EXIT.running;
    return error.code === 'invalid_config' || error.code === 'invalid_request' ? EXIT.usage : EXIT.failed;
  }
}

function programFor(ended: (code: number) => void): Command {
  const program = new Command('poold')
    .description('Keeps pools of engines alive that are expensive to start and in use by others.')
    .version(VERSION)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  program
    .command('run', { isDefault: true })
    .description('run the daemon in the foreground')
    .addOption(new Option('--config <file>', 'configuration; ./config/poold.yaml unless told').env('POOLD_CONFIG'))
    .addOption(new Option('--state-dir <dir>', 'database and records').env('POOLD_STATE_DIR'))
    .option('--log-dir <dir>', "the engines' logs")
    .addOption(new Option('--runtime-dir <dir>', 'sockets, pid and handoff files').env('POOLD_RUNTIME_DIR'))
    .action(async (options: PathOptions) => {
      needDescriptors();
      closeInherited();
      armFailpoint(process.env.POOLD_FAILPOINT);
      ended(await runDaemon(pathsFor(options, process.env)));
    });
  program
    .command('check')
    .description('check a configuration and print every problem of it; exit code 2 when there is an error')
    .argument('<file>')
    .option('--print', 'print what the configuration means, with kinds and defaults spelled out')
    .action((file: string, { print }: { print?: true }) => {
      const { stdout, stderr, exitCode } = checkConfig({ file, print: print === true });
      process.stdout.write(stdout);
      process.stderr.write(stderr);
      ended(exitCode);
    });
  program
    .command('schema')
    .description('print the JSON Schema of the configuration')
    .action(() => {
      process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    });
  program
    .command('init')
    .description('print a sample configuration')
    .addArgument(program.createArgument('<kind>').choices(['worker', 'llama-server', 'vllm']))
    .action((kind: Kind) => {
      process.stdout.write(initConfig(kind));
    });
  program.addCommand(tokenCommand());
  return program;
}

function tokenCommand(): Command {
  const token = new Command('token').description('access over TCP').exitOverride();
  token
    .command('new')
    .exitOverride()
    .description('make a token, print it once, and add its hash to the file')
    .requiredOption('--file <file>', 'the tokensFile of listen.tcp')
    .requiredOption('--id <name>', 'who uses it: the `by` of what is done with it')
    .addOption(new Option('--role <role>').choices(['read', 'lease', 'operate', 'admin']).makeOptionMandatory())
    .option('--expires <duration>', 'for how long it is good, such as 720h; for ever unless told', durationOption)
    .action(({ file, id, role, expires }: { file: string; id: string; role: 'read' | 'lease' | 'operate' | 'admin'; expires?: number }) => {
      const expiresMs = expires === undefined ? null : systemClock.wallMs() + expires;
      process.stdout.write(`${createToken({ file: resolve(file), id, role, expiresMs })}\n`);
    });
  return token;
}

function durationOption(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('a duration such as 90s or 720h is needed.');
  return ms;
}
