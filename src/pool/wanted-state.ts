/** What is wanted of an engine, apart from what it is: product.md, "Who decides". */
import type { EngineState } from '../engine/engine-state.ts';
import { isBeingReplaced } from '../rollout/replaced-state.ts';
import type { PoolState } from './pool-state.ts';
import { engineIn } from './turn.ts';

/** Whether the engine should run: the daemon stays, the pool is wanted, the replica is one of its, and nobody has stopped just this one. */
export function isWanted(state: PoolState, engine: EngineState): boolean {
  return poolIsWanted(state) && engine.role === 'serving' && isMember(state, engine.replica) && engine.held === null;
}

/** Wanted, and its start is nobody else's business. */
export function mayStart(state: PoolState, engine: EngineState): boolean {
  return isWanted(state, engine) && !isBeingReplaced(state, engine.replica);
}

export function poolIsWanted(state: PoolState): boolean {
  return !state.shuttingDown && state.wanted.state === 'running';
}

/** The replicas that should run, whether or not there has been an engine for each of them yet. */
export function wantedReplicas(state: PoolState): number[] {
  if (!poolIsWanted(state)) return [];
  return replicasOf(state).filter((replica) => (engineIn(state, replica)?.held ?? null) === null);
}

/** All the pool has, wanted now or not: 0, 1, 2 … unless a scale-down has left others. */
export function replicasOf({ replicas }: PoolState): readonly number[] {
  if (replicas.members !== null) return replicas.members;
  const all: number[] = [];
  for (let replica = 0; replica < replicas.count; replica += 1) all.push(replica);
  return all;
}

export function isMember({ replicas }: PoolState, replica: number): boolean {
  return replicas.members === null ? replica < replicas.count : replicas.members.includes(replica);
}
