/** What a start of the daemon finds: the file's word, engines that went on without it, and a boot that ended them. product.md, "Outliving the daemon". */
import type { PoolSpec } from '../config/spec.ts';
import type { EngineState, Exit } from '../engine/engine-state.ts';
import { livePhase } from '../engine/engine-state.ts';
import type { Identity } from '../engine/identity.ts';
import { rebooted } from '../policy/breaker.ts';
import { exited } from './endings-state.ts';
import { rebootEnded } from './failures-state.ts';
import type { Turn } from './turn.ts';
import { currentSpec, emit, put, putRun, refOf } from './turn.ts';

/** The file's spec acts at the next start of each engine; a pool that is gone from the file runs on as it was. */
export function configured(turn: Turn, spec: PoolSpec | null, specId: string): void {
  if (spec === null) {
    turn.state = { ...turn.state, orphaned: true, restoring: false };
    return;
  }
  const before = currentSpec(turn.state);
  const { wanted, replicas } = turn.state;
  turn.state = {
    ...turn.state,
    orphaned: false,
    restoring: false,
    specId,
    specs: { ...turn.state.specs, [specId]: spec },
    // An override lives until the file changes its key.
    wanted:
      wanted.override === null || before.autostart !== spec.autostart
        ? { state: spec.autostart ? 'running' : 'stopped', override: null }
        : wanted,
    replicas: replicas.override === null || before.replicas !== spec.replicas ? { count: spec.replicas, override: null } : replicas,
    // What a prepare that died with the daemon had done is not known.
    prepared: turn.state.prepared?.step === 'done' && turn.state.prepared.specId === specId ? turn.state.prepared : null,
  };
}

/** Another boot: all engines are gone, the old monotonic times mean nothing, open breakers may be tried at once and back-off is over. */
export function machineRebooted(turn: Turn): void {
  const { nowMs } = turn.env;
  const classes = Object.fromEntries(
    Object.entries(turn.state.classes).map(([name, state]) => [name, { ...state, breaker: rebooted(state.breaker, nowMs) }]),
  );
  turn.state = {
    ...turn.state,
    breaker: rebooted(turn.state.breaker, nowMs),
    classes,
    canary: null,
    restarts: [],
    storm: [],
    limiterLevel: 'below',
  };
  for (const engine of turn.state.engines) rebootEnded(turn, engine);
  for (const engine of turn.state.engines) {
    const phase = engine.phase.is === 'backoff' ? { ...engine.phase, dueMs: nowMs, delayMs: 0 } : engine.phase;
    put(turn, {
      ...engine,
      backoffRow: 0,
      blockedRow: 0,
      breaker: rebooted(engine.breaker, nowMs),
      phase: phase.is === 'ended' ? { is: 'idle' } : phase,
    });
  }
}

/** It lives and is provably ours: it goes on where it was, and whatever was going on with it is taken up again. */
export function adopted(turn: Turn, engine: EngineState, identity: Identity): void {
  const live = livePhase(engine);
  if (live === null) return;
  const run = { ...live.run, identity, adopted: true, spawnedMs: live.run.spawnedMs ?? turn.env.nowMs };
  const ref = refOf(turn, engine);
  switch (live.is) {
    case 'starting': {
      put(turn, { ...engine, phase: { is: 'starting', step: 'probing', run } });
      turn.effects.push({ do: 'probe', ref, phase: 'starting' });
      return;
    }
    case 'ready':
    case 'unready':
      put(turn, { ...engine, phase: { ...live, run } });
      turn.effects.push({ do: 'writeHandoff', ref }, { do: 'probe', ref, phase: 'serving' });
      return;
    case 'stopping':
      put(turn, { ...engine, phase: { ...live, run } });
      turn.effects.push({ do: live.stuckAtMs === null ? 'terminate' : 'kill', ref }, { do: 'awaitGone', ref });
      return;
    case 'stuck':
      put(turn, { ...engine, phase: { ...live, why: 'unkillable', run } });
      turn.effects.push({ do: 'awaitGone', ref });
      return;
    default:
      live satisfies never;
  }
}

/** It ended while no daemon was there; its launcher has kept the code. What is left of its tree is ended as after any exit. */
export function endedMeanwhile(turn: Turn, engine: EngineState, end: { readonly identity: Identity; readonly exit: Exit }): void {
  const live = livePhase(engine);
  if (live === null) return;
  const known = putRun(turn, engine, { identity: end.identity, spawnedMs: live.run.spawnedMs ?? turn.env.nowMs });
  const ended = live.run.exit !== null || live.is === 'stopping' || live.is === 'stuck';
  if (live.run.exit === null) exited(turn, known, end.exit);
  // It was waited for already, by a daemon that is no more.
  if (ended) turn.effects.push({ do: 'kill', ref: refOf(turn, known) }, { do: 'awaitGone', ref: refOf(turn, known) });
}

/** The intent was stored and nothing came of it: as if the start had not been decided. */
export function neverStarted(turn: Turn, engine: EngineState): void {
  const live = livePhase(engine);
  if (live === null) return;
  const restart = live.run.cause === 'restart' || live.run.cause === 'recovery';
  const dueMs = turn.env.nowMs;
  put(turn, {
    ...engine,
    // It was counted when its spawn began: asked again it is no second restart.
    phase: restart ? { is: 'backoff', why: 'failure', cause: 'first', dueMs, delayMs: 0 } : { is: 'idle' },
  });
  const { canary } = turn.state;
  if (canary?.replica === engine.replica && canary.generation === engine.generation) turn.state = { ...turn.state, canary: null };
  emit(turn, 'engine.stopped', { reason: 'never_started' }, engine);
}

/** Something is there that may be ours and cannot be proved to be: hands off, and nothing beside it. */
export function unproven(turn: Turn, engine: EngineState): void {
  const live = livePhase(engine);
  if (live === null) return;
  const stuck = put(turn, { ...engine, phase: { is: 'stuck', why: 'unproven', run: live.run } });
  emit(turn, 'engine.stuck', { reason: 'unproven' }, stuck);
}
