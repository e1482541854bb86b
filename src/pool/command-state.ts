/**
 * A person's commands. They are recorded as what is wanted, and the rest follows: product.md, "Configuration and overrides" and "Who decides".
 * A newer command takes the place of one it contradicts.
 */
import type { Stamp } from '../engine/engine-state.ts';
import { rolloutFailed } from '../rollout/failed-state.ts';
import { reloadTold, restartTold } from '../rollout/reload-commands-state.ts';
import type { Given } from './begun-state.ts';
import { begun, holdPut } from './begun-state.ts';
import { ended } from './operation-state.ts';
import { resetTold } from './reset-state.ts';
import { scaleTold } from './scale-state.ts';
import { poolRuns, retryTold, startTold } from './start-commands-state.ts';
import { drainTold, pauseTold, resumeTold, stopCommanded } from './stop-commands-state.ts';
import type { Turn } from './turn.ts';
import { engineAt, refOf } from './turn.ts';

export function commanded(turn: Turn, given: Given): void {
  const { command } = given;
  switch (command.do) {
    case 'start':
      return startTold(turn, given, command.replica);
    case 'stop':
      return stopCommanded(turn, given, command);
    case 'restart':
      return restartTold(turn, given, command);
    case 'drain':
      return drainTold(turn, given, command);
    case 'pause':
      return pauseTold(turn, given, command.replica);
    case 'resume':
      return resumeTold(turn, given, command.replica);
    case 'reload':
      return reloadTold(turn, given, command);
    case 'retry':
      return retryTold(turn, given, command.replica);
    case 'scale':
      return scaleTold(turn, given, command.replicas);
    case 'reset':
      return resetTold(turn, given, command);
    case 'signal':
      turn.effects.push({ do: 'signal', ref: refOf(turn, engineAt(turn, command.replica)), signal: command.signal });
      begun(turn, given, {});
      return;
    default:
      command satisfies never;
  }
}

/** Takes back what of it has not happened yet: a reload goes back, a drained pool or engine runs on, a restart stays where it is. */
export function cancelled(turn: Turn, operationId: string, by: Stamp): void {
  const operation = turn.state.operations.find(({ id }) => id === operationId);
  if (operation === undefined) return;
  const message = `cancelled by ${by.by}`;
  const { rollout, waitingReload, waitingScale } = turn.state;
  if (rollout?.operationId === operationId) return rolloutFailed(turn, { code: 'conflict', message, cancelled: true });
  if (waitingReload?.operationId === operationId) turn.state = { ...turn.state, waitingReload: null };
  if (waitingScale?.operationId === operationId) turn.state = { ...turn.state, waitingScale: null };
  if (operation.kind === 'drain') drainTakenBack(turn, operation.stamp, by);
  const still = turn.state.operations.find(({ id }) => id === operationId);
  if (still !== undefined) ended(turn, still, { is: 'cancelled', message });
}

/** What that very command has set: a newer one's word stands. */
function drainTakenBack(turn: Turn, given: Stamp, by: Stamp): void {
  const { wanted } = turn.state;
  if (wanted.state === 'drained' && isStamp(wanted.override, given)) poolRuns(turn, by);
  for (const { replica, held } of turn.state.engines) if (held?.as === 'drained' && isStamp(held, given)) holdPut(turn, replica, null);
}

function isStamp(one: Stamp | null, other: Stamp): boolean {
  return one !== null && one.by === other.by && one.atMs === other.atMs && one.reason === other.reason;
}
