/** Generations beside the serving one: candidates of a reload, and engines that were replaced. Here they come into being and go. */
import type { EngineState } from '../engine/engine-state.ts';
import { isLive } from '../engine/engine-state.ts';
import type { Side } from '../engine/identity.ts';
import type { PoolState } from './pool-state.ts';
import type { Turn } from './turn.ts';
import { engineIn } from './turn.ts';

/** It has ended, and there is nothing left of it. Its port goes with it, unless it was the replica's. */
export function leftBeside(turn: Turn, engine: EngineState): void {
  parted(turn, engine);
  if (engineIn(turn.state, engine.replica)?.side === engine.side) return;
  turn.effects.push({ do: 'releasePort', replica: engine.replica, side: engine.side });
}

/** It is not beside the serving one any more. */
export function parted(turn: Turn, { replica, generation }: EngineState): void {
  turn.state = { ...turn.state, others: turn.state.others.filter((other) => other.replica !== replica || other.generation !== generation) };
}

export function othersOf(state: PoolState, replica: number): readonly EngineState[] {
  return state.others.filter((other) => other.replica === replica);
}

/** The side whose files nobody writes to: its own where it can be. */
export function freeSide(state: PoolState, engine: Pick<EngineState, 'replica' | 'side'>): Side {
  const taken = othersOf(state, engine.replica).map(({ side }) => side);
  return taken.includes(engine.side) ? otherSide(engine.side) : engine.side;
}

export function otherSide(side: Side): Side {
  return side === 'a' ? 'b' : 'a';
}

/** Nothing of the replica has a process: neither the one that serves nor one beside it. */
export function isEmpty(state: PoolState, replica: number): boolean {
  const serving = engineIn(state, replica);
  return (serving === undefined || !isLive(serving)) && !othersOf(state, replica).some(isLive);
}
