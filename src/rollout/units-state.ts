/** The units of a reload, changed one at a time. */
import type { Turn } from '../pool/turn.ts';
import type { Rollout, Unit } from './rollout.ts';

export function unitPut(turn: Turn, unit: Unit): void {
  rolloutPut(turn, ({ units }) => ({ units: units.map((other) => (other.replica === unit.replica ? unit : other)) }));
}

export function unitDropped(turn: Turn, { replica }: Pick<Unit, 'replica'>): void {
  rolloutPut(turn, ({ units }) => ({ units: units.filter((other) => other.replica !== replica) }));
}

/** On the way back it is not replaced any more. */
export function unitDone(turn: Turn, unit: Unit): void {
  const { replica } = unit;
  unitDropped(turn, unit);
  rolloutPut(turn, ({ step, done }) => {
    const others = done.filter((other) => other !== replica);
    return { done: step === 'back' ? others : [...others, replica] };
  });
}

export function todoPut(turn: Turn, todo: readonly number[]): void {
  rolloutPut(turn, () => ({ todo }));
}

/** It cannot be given the old spec again: it stays as it is, until its next start. */
export function stranded(turn: Turn, replica: number, why: string): void {
  unitDropped(turn, { replica });
  rolloutPut(turn, (rollout) => ({
    stranded: [...rollout.stranded, replica],
    todo: rollout.todo.filter((other) => other !== replica),
    failure: rollout.failure === null ? null : { ...rollout.failure, message: bothReasons(rollout.failure.message, why) },
  }));
}

function rolloutPut(turn: Turn, change: (rollout: Rollout) => Partial<Rollout>): void {
  const { rollout } = turn.state;
  if (rollout !== null) turn.state = { ...turn.state, rollout: { ...rollout, ...change(rollout) } };
}

/** Why it went back, and what did not come back: as much as a sentence can carry. */
function bothReasons(first: string, second: string): string {
  return first.length > 1_000 ? first : `${first}; and on the way back ${second}`;
}
