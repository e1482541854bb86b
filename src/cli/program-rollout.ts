/** Verbs that take engines out of service, or replace them, without cutting anyone off. */
import { Option } from 'commander';
import type { Broad } from './program-acting.ts';
import { actingVerb, broadVerb } from './program-acting.ts';
import { durationMs } from './times.ts';
import type { MakeVerb, Running } from './verb.ts';
import type { ReloadOptions } from './verbs/reload.ts';
import { reload } from './verbs/reload.ts';

type DrainOptions = Broad & { readonly deadline?: string; readonly extend?: boolean };

export function rollingOut(verb: MakeVerb, running: Running): void {
  const broad = broadVerb(verb, running);
  broad<DrainOptions>('drain', 'no new leases, wait for those held, stop', (replica, { deadline, extend }) => ({
    do: 'drain',
    replica,
    deadlineMs: durationMs(deadline, '--deadline'),
    extend: extend ?? false,
  }))
    .option('--deadline <duration>', 'stop by force after this long (unset: the pool’s drain.deadline)')
    .option('--extend', 'let a later deadline replace an earlier one');
  broad('pause', 'no new leases; the engines stay', (replica) => ({ do: 'pause', replica }));
  broad('resume', 'end a pause or a drain, start what was drained', (replica) => ({ do: 'resume', replica }));
  actingVerb(verb)('reload', 'replace the engines by those of a new spec, and go back if they prove no good')
    .argument('<pool>')
    .option('--version <version>', 'engine.version from now on')
    .option(
      '--set <name=value>',
      'an engine variable from now on; may be given more than once',
      (one: string, all: readonly string[]) => [...all, one],
      [],
    )
    .addOption(new Option('--strategy <how>', 'instead of the pool’s own').choices(['auto', 'recreate', 'rolling', 'blue-green']))
    .option('--deadline <duration>', 'for each drain of an old engine (unset: the pool’s drain.deadline)')
    .option('--cut-leases', 'at a deadline cut what is held, instead of calling the reload off')
    .option('--same', 'replace the engines although nothing has changed')
    .option('--dry-run', 'say what it would do, and do nothing')
    .action(running((session, name: string, options: ReloadOptions) => reload(session, name, options)));
}
