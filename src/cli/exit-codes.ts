/** What poolctl says to the script that called it; the numbers are a promise. */
import type { ClientError } from '../client/client-error.ts';
import type { Operation } from '../pool/status.ts';

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  forced: 4,
  timedOut: 5,
  unreachable: 6,
  refused: 7,
  notPermitted: 8,
  /** Only of `lease exec`. */
  leaseLost: 9,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Thrown for what the command line itself has wrong. */
export class UsageError extends Error {}

/** Of a refusal or of no answer. */
export function exitOfError({ code }: ClientError): ExitCode {
  switch (code) {
    case 'invalid_request':
    case 'invalid_config':
    case 'too_large':
      return EXIT.usage;
    case 'pool_not_found':
    case 'engine_not_found':
    case 'operation_not_found':
    case 'lease_not_found':
    case 'ticket_not_found':
    case 'not_found':
      return EXIT.notFound;
    case 'unauthorized':
    case 'forbidden':
    case 'no_access':
      return EXIT.notPermitted;
    case 'unreachable':
    case 'not_poold':
      return EXIT.unreachable;
    case 'timed_out':
    case 'queue_timeout':
      return EXIT.timedOut;
    case 'internal':
    case 'method_not_allowed':
    case 'aborted':
    case 'spawn_failed':
    case 'start_timeout':
    case 'health_check_failed':
    case 'drain_timeout':
    case 'reload_failed':
      return EXIT.failed;
    default:
      // Whatever else the daemon says no with, codes of newer daemons too: it was asked well and would not.
      return EXIT.refused;
  }
}

/** Of an operation that has ended: `superseded` is a cancellation, `rolled_back` a failure, `forced` a success that somebody paid for. */
export function exitOfOperation({ state, outcome }: Operation): ExitCode {
  if (state === 'cancelled') return EXIT.refused;
  if (state !== 'succeeded') return EXIT.failed;
  return outcome === 'forced' ? EXIT.forced : EXIT.done;
}
