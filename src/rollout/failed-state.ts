/** The one place where it is written down why a reload goes back: once, the first writer wins. What follows is done by `rollout-state.ts`. */
import type { EngineState } from '../engine/engine-state.ts';
import type { PoolState } from '../pool/pool-state.ts';
import { startFault } from '../pool/start-fault-state.ts';
import type { Turn } from '../pool/turn.ts';
import type { Rollout, Unit } from './rollout.ts';
import { stranded, unitDropped, unitPut } from './units-state.ts';

/** Whether it can still be called off. */
export function canGoBack({ rollout }: PoolState): boolean {
  return rollout !== null && rollout.step !== 'committed' && rollout.step !== 'back';
}

export function rolloutFailed(turn: Turn, failure: NonNullable<Rollout['failure']>): void {
  const { rollout } = turn.state;
  if (rollout === null || rollout.failure !== null || !canGoBack(turn.state)) return;
  turn.state = { ...turn.state, rollout: { ...rollout, failure } };
}

/** The one start of a candidate is over: what it was tried for fails. On the way back its replica stays with what serves it. */
export function candidateEnded(turn: Turn, engine: EngineState, end: { readonly class: string; readonly message: string }): void {
  const { rollout, name } = turn.state;
  const { replica, generation } = engine;
  const unit = rollout?.units.find((other) => other.replica === replica && other.candidate === generation);
  // One that is taken back ends because of that, and one that was left behind is nobody's.
  if (rollout === null || unit === undefined || unit.step === 'leaving' || unit.step === 'returning') return;
  if (rollout.step === 'back') return notBack(turn, unit, end.message);
  const code = end.class === 'start_timeout' ? 'start_timeout' : end.class === 'unhealthy' ? 'health_check_failed' : 'reload_failed';
  rolloutFailed(turn, {
    code,
    message: `the new ${name}/${replica} failed: ${startFault(`${name}/${replica}`, end.message)}`,
    cancelled: false,
  });
}

/** In the place of the old one: then it is started as any other. Beside one that serves: that one stays. */
function notBack(turn: Turn, unit: Unit, why: string): void {
  const id = `${turn.state.name}/${unit.replica}`;
  if (unit.inPlace) unitPut(turn, { ...unit, step: 'returning' });
  else stranded(turn, unit.replica, `the old ${id} did not start: ${startFault(id, why)}`);
}

/** The daemon died before it had a process. */
export function candidateUnborn(turn: Turn, { replica, generation }: EngineState): void {
  const { rollout, name } = turn.state;
  const unit = rollout?.units.find((other) => other.replica === replica && other.candidate === generation);
  if (rollout === null || unit === undefined) return;
  const message = `the daemon died before it could start the new ${name}/${replica}`;
  if (rollout.step !== 'back') return rolloutFailed(turn, { code: 'reload_failed', message, cancelled: false });
  // What it was started for is still to be done.
  unitDropped(turn, unit);
}
