/** `restart --now`: one engine after the other is stopped and started; the next one's turn comes when the new generation is ready. */
import type { EngineState } from '../engine/engine-state.ts';
import { isLive } from '../engine/engine-state.ts';
import { allLeasesEnded } from '../lease/seats-state.ts';
import { stopTold } from './endings-state.ts';
import { ended, startVerdict } from './operation-state.ts';
import { startBegun } from './starts-state.ts';
import type { Turn } from './turn.ts';
import { engineAt, generationIn } from './turn.ts';
import { isWanted } from './wanted-state.ts';

/** Those of the replicas that are wanted, and that no breaker holds back when they are ended. */
export function cuttable(turn: Turn, replicas: readonly number[]): number[] {
  return replicas.filter((replica) => {
    const engine = engineAt(turn, replica);
    return isWanted(turn.state, engine) && (isLive(engine) || engine.breaker.is === 'closed');
  });
}

export function rollingBegun(turn: Turn, operationId: string, replicas: readonly number[]): void {
  const starts = replicas.map((replica) => ({ replica, after: engineAt(turn, replica).generation }));
  const operations = turn.state.operations.map((operation) => (operation.id === operationId ? { ...operation, starts } : operation));
  turn.state = { ...turn.state, operations, rolling: { operationId, replicas, current: null } };
}

export function rollingAdvanced(turn: Turn): void {
  for (;;) {
    const { rolling, rollout } = turn.state;
    // A reload has begun first: its engines are not cut under it.
    if (rolling === null || rollout !== null) return;
    if (rolling.current !== null && startVerdict(turn, { replica: rolling.current.replica, after: rolling.current.old }).is !== 'succeeded')
      return;
    const [replica, ...replicas] = rolling.replicas;
    if (replica === undefined) {
      finished(turn, rolling.operationId);
      return;
    }
    const engine = engineAt(turn, replica);
    // A replica that was stopped or scaled away since is not the restart's any more; one that a breaker holds back is started by that.
    if (!isWanted(turn.state, engine) || (!isLive(engine) && anyOpen(turn, engine))) {
      turn.state = { ...turn.state, rolling: { ...rolling, replicas, current: null } };
      continue;
    }
    turn.state = { ...turn.state, rolling: { ...rolling, replicas, current: { replica, old: engine.generation } } };
    if (isLive(engine)) cut(turn, engine);
    else startBegun(turn, engine, 'manual');
  }
}

/** ORDER: the leases end first, as what they are: taken away by a person. */
function cut(turn: Turn, engine: EngineState): void {
  allLeasesEnded(turn, engine, 'revoked', `${turn.state.name}/${engine.replica} was restarted at once`);
  stopTold(turn, generationIn(turn.state, engine) ?? engine, 'requested');
}

/** Only `retry` passes a breaker. */
function anyOpen(turn: Turn, engine: EngineState): boolean {
  return turn.state.breaker.is !== 'closed' || engine.breaker.is !== 'closed';
}

function finished(turn: Turn, operationId: string): void {
  const operation = turn.state.operations.find(({ id }) => id === operationId);
  if (operation === undefined) turn.state = { ...turn.state, rolling: null };
  else ended(turn, operation, { is: 'succeeded', outcome: 'restarted' });
}
