/** Bugs of reloads: what they take away, when they are over, and what a death of the daemon makes of them. */
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { Effect } from '../../../src/pool/effects.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import { theMachine } from '../machine.ts';
import type { Next, Plant } from './planting.ts';
import { afterwards, deceived, planted } from './planting.ts';

const { next, restored } = theMachine;

const forgetful = afterwards((state, before) => {
  const { rollout } = state;
  if (rollout?.step !== 'back' || before.rollout?.step === 'back' || rollout.units.length === 0) return state;
  return { ...state, rollout: { ...rollout, units: rollout.units.slice(1), done: [] } };
});

const twiceCommitted = afterwards((state, before) => {
  const { rollout } = state;
  const committed = rollout?.step === 'committed' && before.rollout?.step === 'rolling';
  return committed && rollout !== null ? { ...state, rollout: { ...rollout, step: 'rolling' } } : state;
});

/** Candidates look like engines that serve, and the other way round behind it. */
const candidateLeased = deceived(
  (state, event) => {
    const ready = state.others.filter(({ role, phase }) => role === 'candidate' && phase.is === 'ready');
    if (event.type !== 'acquire' || ready.length === 0) return null;
    const as = (engine: EngineState): EngineState => ready.find(({ replica }) => replica === engine.replica) ?? engine;
    return { ...state, engines: state.engines.map((engine) => ({ ...as(engine), role: 'serving' })) };
  },
  (after, before) => {
    const served = (engine: EngineState): EngineState =>
      after.engines.find(({ replica, generation }) => replica === engine.replica && generation === engine.generation) ?? engine;
    const others = before.others.map((other) => ({ ...served(other), role: other.role }));
    return { ...after, others, engines: before.engines.map(served) };
  },
);

const candidateCounts: Next = (state, event, env) => {
  const [after, effects] = next(state, event, env);
  const failed = effects.filter((effect) => effect.do === 'record' && effect.entry.class !== 'requested' && isCandidate(state, effect));
  return [failed.length === 0 ? after : { ...after, crashCount: after.crashCount + failed.length }, effects];
};

const candidateShown: Next = (state, event, env) => {
  const [after, effects] = next(state, event, env);
  const alone = after.others.find(
    ({ role, replica, phase }) =>
      role === 'candidate' && phase.is === 'ready' && after.engines.some((engine) => engine.replica === replica),
  );
  if (alone === undefined) return [after, effects];
  const engines = after.engines.map((engine) =>
    engine.replica === alone.replica && !('run' in engine.phase) ? { ...engine, phase: alone.phase } : engine,
  );
  return [{ ...after, engines }, effects];
};

const greedy = deceived(
  (state, event) =>
    state.rollout === null || event.type === 'command'
      ? null
      : { ...state, rollout: { ...state.rollout, maxUnavailable: state.rollout.maxUnavailable + 3 } },
  (after, before) =>
    after.rollout === null || before.rollout === null
      ? after
      : { ...after, rollout: { ...after.rollout, maxUnavailable: before.rollout.maxUnavailable } },
);

const oldSpecTried = deceived(
  (state, event) =>
    state.rollout?.step === 'rolling' && event.type !== 'command'
      ? { ...state, rollout: { ...state.rollout, toSpecId: state.rollout.fromSpecId } }
      : null,
  (after, before) =>
    after.rollout === null || before.rollout === null
      ? after
      : { ...after, rollout: { ...after.rollout, toSpecId: before.rollout.toSpecId } },
);

export const RELOADS: readonly Plant[] = [
  planted('the way back forgets an engine', { next: forgetful }, 'rollback', 'oneReload', 'notWanted', 'oneProcess'),
  planted('a reload comes to its commit twice', { next: twiceCommitted }, 'oneReload'),
  planted('a candidate is given a lease before it takes over', { next: candidateLeased }, 'granted', 'leasedEngine'),
  planted('the end of a candidate counts as that of an engine which serves', { next: candidateCounts }, 'counters'),
  planted('a candidate counts as serving', { next: candidateShown }, 'events', 'thresholds', 'oneProcess', 'notWanted', 'counters'),
  planted('a reload takes more engines away than may be', { next: greedy }, 'rollback'),
  planted('a candidate is tried with the old spec', { next: oldSpecTried }, 'specs', 'oneReload', 'rollback'),
  planted('a reload is lost with the daemon', { restored: (state, epoch) => ({ ...restored(state, epoch), rollout: null }) }, 'oneReload'),
  planted(
    'a reload that waits is lost with the daemon',
    { restored: (state, epoch) => ({ ...restored(state, epoch), waitingReload: null }) },
    'oneReload',
  ),
];

function isCandidate(state: PoolState, effect: Effect): boolean {
  return (
    effect.do === 'record' &&
    state.others.some(
      ({ role, replica, generation }) =>
        role === 'candidate' && `${state.name}/${replica}` === effect.entry.engine && generation === effect.entry.generation,
    )
  );
}
