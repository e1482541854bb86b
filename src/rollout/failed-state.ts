/** The one place where it is written down why a reload goes back: once, the first writer wins. What follows is done by `rollout-state.ts`. */
import type { Turn } from '../pool/turn.ts';
import type { Rollout } from './rollout.ts';

export function rolloutFailed(turn: Turn, failure: NonNullable<Rollout['failure']>): void {
  const { rollout } = turn.state;
  if (rollout === null || rollout.failure !== null || rollout.step === 'committed') return;
  turn.state = { ...turn.state, rollout: { ...rollout, failure } };
}

/** The one start of a candidate is over: what it was tried for fails. */
export function candidateEnded(turn: Turn, end: { readonly class: string; readonly engine: string; readonly message: string }): void {
  const code = end.class === 'start_timeout' ? 'start_timeout' : end.class === 'unhealthy' ? 'health_check_failed' : 'reload_failed';
  rolloutFailed(turn, { code, message: `the new ${end.engine} failed: ${end.message}`, cancelled: false });
}
