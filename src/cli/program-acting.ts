/** Verbs that start, stop and steer engines, and the daemon. */
import type { Command } from 'commander';
import type { PoolCommand } from '../pool/host.ts';
import { oneEngine, wholeNumber, wholePool } from './target.ts';
import type { MakeVerb, Running } from './verb.ts';
import type { ActOptions } from './verbs/act.ts';
import { act, targets } from './verbs/act.ts';
import { cutting } from './verbs/cutting.ts';
import { shutdown } from './verbs/daemon.ts';

/** Every verb that changes something has these. */
export function actingVerb(verb: MakeVerb): MakeVerb {
  return (name, says) =>
    verb(name, says).option('--reason <text>', 'why; kept with the operation').option('--no-wait', 'return as soon as it has begun');
}

export type Broad = ActOptions & { readonly all?: boolean; readonly now?: boolean };
type MakeCommand<O> = (replica: number | null, options: O) => PoolCommand;

/** A verb about `POOL`, `POOL/N` or `--all`. */
export function broadVerb(verb: MakeVerb, running: Running) {
  return <O extends Broad = Broad>(name: string, says: string, command: MakeCommand<O>): Command =>
    actingVerb(verb)(name, says)
      .argument('[pool[/n]]')
      .option('--all', 'all pools')
      .action(
        running(async (session, target: string | undefined, options: O) => {
          const acts = await targets(session, { name: target, all: options.all ?? false, command: (replica) => command(replica, options) });
          return (options.now ?? false) ? cutting(session, acts, options) : act(session, acts, options);
        }),
      );
}

export function acting(verb: MakeVerb, running: Running): void {
  const acts = actingVerb(verb);
  const broad = broadVerb(verb, running);
  const cut = ['--now', 'cut what is under way; asks on a terminal where leases are held'] as const;
  broad('start', 'start what is missing', (replica) => ({ do: 'start', replica }));
  broad('stop', 'stop, until somebody starts it', (replica, { now }) => ({ do: 'stop', replica, now: now ?? false })).option(...cut);
  broad('restart', 'replace each engine by one of the same spec', (replica, { now }) => ({
    do: 'restart',
    replica,
    now: now ?? false,
  })).option(...cut);
  acts('scale', 'set how many engines are wanted')
    .argument('<pool>')
    .argument('<n>')
    .action(
      running((session, name: string, count: string, options: ActOptions) => {
        const replicas = wholeNumber(count, { what: 'the number of engines', from: 0, to: 10_000 });
        return act(session, [{ pool: wholePool(name), command: { do: 'scale', replicas } }], options);
      }),
    );
  acts('reset', 'close the breakers, forget the failures')
    .argument('<pool>')
    .option('--class <class>', 'only the breaker of this crash class')
    .option('--forget', 'give up engines that are stuck')
    .action(
      running((session, name: string, options: ActOptions & { readonly class?: string; readonly forget?: boolean }) => {
        const command = { do: 'reset', class: options.class ?? null, forget: options.forget ?? false } as const;
        return act(session, [{ pool: wholePool(name), command }], options);
      }),
    );
  acts('retry', 'one start now, past back-off, limiter and breakers')
    .argument('<pool[/n]>')
    .action(
      running(async (session, name: string, options: ActOptions) =>
        act(session, await targets(session, { name, all: false, command: (replica) => ({ do: 'retry', replica }) }), options),
      ),
    );
  acts('signal', 'send a signal to one engine')
    .argument('<pool/n>')
    .argument('<signal>')
    .action(
      running((session, name: string, signal: string, options: ActOptions) => {
        const { pool, replica } = oneEngine(name);
        return act(session, [{ pool, command: { do: 'signal', replica, signal: signal.toUpperCase() } }], options);
      }),
    );
  acts('shutdown', 'end poold')
    .option('--engines <what>', 'stop them, or keep them for the next poold', 'stop')
    .action(running((session, options: ActOptions & { readonly engines: string }) => shutdown(session, options)));
}
