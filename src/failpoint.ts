/**
 * Deaths of the daemon on demand: with `POOLD_FAILPOINT=NAME` or `NAME@N` in its environment it dies, as by SIGKILL, when it comes to that
 * place for the first or the Nth time. For tests of what the next daemon finds; without the variable a place costs one comparison.
 */
import { PooldError } from './errors.ts';
import type { Effect } from './pool/effects.ts';

/** Every effect that touches the world has a place before and one behind it. What is only announced or stored has none of its own. */
const EFFECTS = [
  'prepare',
  'preflight',
  'requestSpawn',
  'spawn',
  'releaseSpawn',
  'releaseDevice',
  'abandon',
  'release',
  'releasePort',
  'probe',
  'stopProbing',
  'writeHandoff',
  'removeHandoff',
  'signal',
  'terminate',
  'terminateRest',
  'kill',
  'awaitGone',
  'onExit',
  'askInUse',
  'answer',
] as const satisfies readonly Effect['do'][];

/** Places between effects, each named for what has just happened. */
const PLACES = [
  // Of a decision: nothing of it is stored; it is stored and nothing was done.
  'commit:before',
  'commit:after',
  // Of a start: record and leaf are made; the launcher is forked; it has said who the engine is, and nobody has stored that.
  'launch:held',
  'launch:forked',
  'launch:told',
  // Of pid and handoff files: the new one is written; it is in place.
  'file:written',
  'file:renamed',
  // Of a rotation where the engine has to stand still: the log is cut, and it does not go on yet.
  'rotate:frozen',
  // Of the store: a row takes up the room of commits to come, and is not out again.
  'store:roomTaken',
  // Of a start of the daemon: what lives is found, and not taken in yet.
  'adopt:found',
] as const;

export type Failpoint = (typeof PLACES)[number] | `${(typeof EFFECTS)[number]}:${'before' | 'after'}`;

export const FAILPOINTS: readonly Failpoint[] = [
  ...PLACES,
  ...EFFECTS.flatMap((effect) => [`${effect}:before`, `${effect}:after`] as const),
];

let armed: { readonly name: string; left: number } | null = null;

/** `order` is what POOLD_FAILPOINT says; unset arms nothing. Throws PooldError `invalid_request` for a place that does not exist. */
export function armFailpoint(order: string | undefined): void {
  if (order === undefined || order === '') return;
  const [name = '', times = '1'] = order.split('@');
  if (!FAILPOINTS.some((known) => known === name) || !/^[1-9]\d{0,5}$/.test(times)) {
    throw new PooldError(
      'invalid_request',
      `cannot arm POOLD_FAILPOINT=${order}: it takes NAME or NAME@N, and knows ${FAILPOINTS.join(', ')}`,
    );
  }
  armed = { name, left: Number(times) };
}

/** The process ends here when this is the place and the time. */
export function failpoint(name: Failpoint): void {
  if (armed === null || armed.name !== name) return;
  armed.left -= 1;
  // SIGKILL to oneself is acted on before the call returns: nothing behind it runs.
  if (armed.left === 0) process.kill(process.pid, 'SIGKILL');
}

/** As `failpoint`, around an effect; those without a place are passed over. */
export function effectPoint(effect: Effect['do'], side: 'before' | 'after'): void {
  if (armed === null || !armed.name.startsWith(`${effect}:`)) return;
  const place = FAILPOINTS.find((known) => known === `${effect}:${side}`);
  if (place !== undefined) failpoint(place);
}
