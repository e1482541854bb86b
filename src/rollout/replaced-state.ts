/** Whose place is a reload's for the moment. A question. */
import type { PoolState } from '../pool/pool-state.ts';

/** The old engine of the replica goes, or is gone, for the new one: nothing else is started there, whoever asks for it. */
export function isBeingReplaced({ rollout }: PoolState, replica: number): boolean {
  const unit = rollout?.units.find((other) => other.replica === replica);
  return unit?.inPlace === true && unit.step !== 'retiring' && unit.step !== 'returning';
}
