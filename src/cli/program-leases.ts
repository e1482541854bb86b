/** Verbs about leases and queues. */
import type { MakeVerb, Running } from './verb.ts';
import type { AcquireOptions, ReleaseOptions, RenewOptions } from './verbs/lease.ts';
import { acquire, release, renew, revoke } from './verbs/lease.ts';
import { leaseExec } from './verbs/lease-exec.ts';
import type { LeasesOptions } from './verbs/leases.ts';
import { leases, queue } from './verbs/leases.ts';

export function leasing(verb: MakeVerb, running: Running): void {
  verb('leases', 'who holds what, the oldest first')
    .argument('[pool]')
    .option('--older <duration>', 'held for at least so long')
    .option('--holder <holder>', 'only of this holder')
    .action(running((session, name: string | undefined, options: LeasesOptions) => leases(session, name, options)));
  verb('queue', 'who waits for a pool, in order')
    .argument('<pool>')
    .action(running((session, name: string) => queue(session, name)));
  const group = verb('lease', 'take, keep and give back the right to use an engine');
  const wishing: MakeVerb = (name, says) =>
    verb(name, says, group)
      .argument('<pool>')
      .option('--ttl <duration>', 'it ends when it was not renewed for so long (unset: the pool’s leases.ttl)')
      .option(
        '--wait <duration>',
        'how long to wait in the queue without losing the place (unset: the pool’s queue.timeout; 0s: not at all)',
      )
      .option('--priority <number>', '0 to 9, the highest goes first (unset: 5)')
      .option('--holder <holder>', 'who will use it, for others to see (unset: you)')
      .option('--key <key>', 'asked again with the same key, it is the same lease');
  wishing('exec', 'run a command under a lease: POOLD_ENGINE_URL and others tell it where')
    .argument('<command...>', 'behind --; it gets TERM when the lease is lost, KILL 10 s later')
    .action(running((session, name: string, command: string[], options: AcquireOptions) => leaseExec(session, { name, command }, options)));
  wishing('acquire', 'take a lease; renew it before its TTL is over').action(
    running((session, name: string, options: AcquireOptions) => acquire(session, name, options)),
  );
  const token = ['--token <token>', 'of the lease (or POOLD_LEASE_TOKEN)'] as const;
  const tokenFile = ['--lease-token-file <file>', 'a file with its token: other users can see what stands in a command line'] as const;
  verb('renew', 'begin its TTL anew', group)
    .argument('<id>')
    .option(...token)
    .option(...tokenFile)
    .option('--ttl <duration>', 'from now on (unset: as before)')
    .action(running((session, id: string, options: RenewOptions) => renew(session, id, options)));
  verb('release', 'give it back; harmless when it has ended', group)
    .argument('<id>')
    .option(...token)
    .option(...tokenFile)
    .option('--engine-failed', 'because the engine does not work')
    .action(running((session, id: string, options: ReleaseOptions) => release(session, id, options)));
  verb('revoke', 'take it from its holder', group)
    .argument('<id>')
    .option('--reason <text>', 'why; the holder is told')
    .action(running((session, id: string, options: { readonly reason?: string }) => revoke(session, id, options)));
}
