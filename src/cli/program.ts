/** The command line: global options, and the groups of verbs. What each verb does stands in `verbs/`. */
import { Command, Option } from 'commander';
import { VERSION } from '../version.ts';
import { acting } from './program-acting.ts';
import { asking } from './program-asking.ts';
import { leasing } from './program-leases.ts';
import { rollingOut } from './program-rollout.ts';
import type { Session } from './session.ts';
import type { GlobalOptions, MakeVerb, Run, Running } from './verb.ts';

/** Throws CommanderError where commander has already said what is wrong. */
export function program(run: Run): Command {
  const root = withGlobals(new Command('poolctl'))
    .description(
      'Looks after the pools of poold. Exit codes: 0 done, 1 failed, 2 bad usage, 3 not found, 4 done but forced, 5 timed out, 6 no daemon, 7 refused, 8 not permitted, 9 lease lost',
    )
    .version(VERSION, '-V, --version')
    .showHelpAfterError('(poolctl --help lists the verbs, poolctl VERB --help its options)')
    // Verbs inherit both, at any depth. What stands behind a verb is the verb's alone: `reload --version` is not ours.
    .enablePositionalOptions()
    .exitOverride();
  const verb: MakeVerb = (name, says, group = root) => withGlobals(group.command(name), { hidden: true }).description(says);
  const running: Running =
    <A extends unknown[]>(what: (session: Session, ...given: A) => Promise<number>) =>
    (...given: unknown[]) =>
      run(globalsOf(given.at(-1) as Command), (session) => what(session, ...(given.slice(0, -1) as A)));
  asking(verb, running);
  acting(verb, running);
  rollingOut(verb, running);
  leasing(verb, running);
  return root;
}

/** Global options may stand before or behind the verb, so each verb knows them. */
function withGlobals(command: Command, { hidden = false }: { readonly hidden?: boolean } = {}): Command {
  const options = [
    new Option('--socket <path>', 'the daemon’s api.sock (or POOLD_SOCKET)'),
    new Option('--url <url>', 'a daemon over TCP (or POOLD_URL)'),
    new Option('--token-file <file>', 'with --url: a file with the token'),
    new Option('--output <form>', 'what to print (unset: table)').choices(['table', 'json']),
    new Option('--timeout <duration>', 'give up after this long (500ms, 30s, 5m)'),
  ];
  for (const option of options) command.addOption(option.hideHelp(hidden));
  return command;
}

/** The one nearest to the end counts. */
function globalsOf(command: Command): GlobalOptions {
  return { ...(command.parent === null ? {} : globalsOf(command.parent)), ...command.opts<GlobalOptions>() };
}
