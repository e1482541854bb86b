/** What a start of the daemon finds: the file's word, engines that went on without it, and a boot that ended them. product.md, "Outliving the daemon". */
import type { PoolSpec } from '../config/spec.ts';
import type { EngineState, Exit } from '../engine/engine-state.ts';
import { isLive, livePhase } from '../engine/engine-state.ts';
import type { Identity, Side } from '../engine/identity.ts';
import { afterAbsence } from '../engine/samples-state.ts';
import { allLeasesEnded } from '../lease/seats-state.ts';
import { rebooted } from '../policy/breaker.ts';
import { candidateUnborn, rolloutFailed } from '../rollout/failed-state.ts';
import { setsKept, withSets } from '../rollout/plan-state.ts';
import { rolloutPrepared } from '../rollout/prepare-state.ts';
import { canaryLeft } from './breakers-state.ts';
import { engineDrainEnded, poolDrainEnded } from './drain-state.ts';
import { exited, STUCK_AFTER_MS, stopTold } from './endings-state.ts';
import { backoffAnnounced, causeAgain, rebootEnded } from './failures-state.ts';
import { leftBeside } from './others-state.ts';
import { isAutomaticRestart } from './restarts-state.ts';
import { waitingScaleDropped } from './scale-state.ts';
import type { About } from './starts-state.ts';
import { newRun } from './starts-state.ts';
import type { Turn } from './turn.ts';
import { allEngines, currentSpec, emit, engineAt, generationIn, put, putRun, refOf, specOf } from './turn.ts';

/** The file's spec acts at the next start of each engine; a pool that is gone from the file runs on as it was. */
export function configured(turn: Turn, spec: PoolSpec | null, specId: string): void {
  fileRead(turn, spec, specId);
  const { rollout } = turn.state;
  if (rollout === null) return;
  // What it was going from is not what the file says any more.
  if (turn.state.specId !== rollout.fromSpecId && rollout.step !== 'committed')
    rolloutFailed(turn, { code: 'conflict', message: 'the configuration has changed meanwhile', cancelled: true });
  else rolloutPrepared(turn);
}

/** `specId` is that of the file's spec with what is left of a person's settings over it. */
function fileRead(turn: Turn, file: PoolSpec | null, specId: string): void {
  const sets = file === null ? turn.state.sets : setsKept(turn.state.sets, file);
  const spec = file === null ? null : withSets(file, sets);
  // What a prepare that died with the daemon had done is not known.
  const prepared = turn.state.prepared?.step === 'done' ? turn.state.prepared : null;
  if (spec === null) {
    turn.state = { ...turn.state, orphaned: true, restoring: false, prepared };
    return;
  }
  const before = currentSpec(turn.state);
  if (before.replicas !== spec.replicas) waitingScaleDropped(turn);
  const { wanted, replicas } = turn.state;
  turn.state = {
    ...turn.state,
    orphaned: false,
    restoring: false,
    sets,
    specId,
    specs: { ...turn.state.specs, [specId]: spec },
    // An override lives until the file changes its key.
    wanted:
      wanted.override === null || before.autostart !== spec.autostart
        ? { state: spec.autostart ? 'running' : 'stopped', override: null }
        : wanted,
    replicas:
      replicas.override === null || before.replicas !== spec.replicas ? { count: spec.replicas, members: null, override: null } : replicas,
    prepared: prepared?.specId === specId ? prepared : null,
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
  rolloutFailed(turn, { code: 'reload_failed', message: 'the host was rebooted in the middle of it', cancelled: false });
  for (const engine of allEngines(turn.state)) {
    allLeasesEnded(turn, engine, 'engine_lost', 'the host was rebooted');
    rebootEnded(turn, generationIn(turn.state, engine) ?? engine);
  }
  poolDrainEnded(turn, 'drained');
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
  const run = {
    ...live.run,
    identity,
    samples: afterAbsence(live.run.samples),
    askableMs: turn.env.nowMs,
    spawnedMs: live.run.spawnedMs ?? turn.env.nowMs,
  };
  const ref = refOf(turn, engine);
  switch (live.is) {
    case 'starting': {
      const probing = put(turn, { ...engine, phase: { is: 'starting', step: 'probing', run } });
      // It was told to stop before its pid was known, and the daemon died between.
      if (run.endReason !== null) stopTold(turn, probing, run.endReason);
      else turn.effects.push({ do: 'probe', ref, phase: 'starting' });
      return;
    }
    case 'ready':
    case 'unready':
      put(turn, { ...engine, phase: { ...live, run } });
      if (engine.role === 'serving') turn.effects.push({ do: 'writeHandoff', ref });
      turn.effects.push({ do: 'probe', ref, phase: 'serving' });
      inUseForgotten(turn, engine);
      return;
    case 'stopping':
      endingAgain(turn, put(turn, { ...engine, phase: { ...live, run } }), 'terminate');
      return;
    case 'stuck':
      // It could not be proved to be ours, and now it can: it goes on, once it has shown that it is ready.
      if (live.why === 'unproven' && run.endReason === null) {
        engineDrainEnded(turn, engine, 'cancelled');
        put(turn, { ...engine, closing: null, phase: { is: 'starting', step: 'probing', run } });
        turn.effects.push({ do: 'probe', ref, phase: 'starting' });
        return;
      }
      put(turn, { ...engine, phase: { ...live, why: 'unkillable', run } });
      turn.effects.push({ do: 'awaitGone', ref });
      return;
    default:
      live satisfies never;
  }
}

/** What the last daemon heard of its users says nothing about now. */
function inUseForgotten(turn: Turn, { replica, generation }: EngineState): void {
  const engine = generationIn(turn.state, { replica, generation });
  if (engine?.closing != null) put(turn, { ...engine, closing: { ...engine.closing, inUse: null } });
}

/** It lives and nothing was known of it: the store was lost. What it was started by is not known either, so the file's spec has to do. */
export function recovered(
  turn: Turn,
  about: About,
  found: { readonly identity: Identity; readonly port: number | null; readonly device: string | null; readonly side: Side },
): void {
  const engine = engineAt(turn, about.replica);
  if (isLive(engine) || engine.generation > about.generation) return;
  const { identity, port, device, side } = found;
  const run = { ...newRun(turn, turn.state.specId, 'first'), identity, port, device, askableMs: turn.env.nowMs, spawnedMs: turn.env.nowMs };
  const known = put(turn, {
    ...engine,
    side,
    generation: about.generation,
    issued: Math.max(engine.issued, about.generation),
    port,
    phase: { is: 'starting', step: 'probing', run },
  });
  emit(turn, 'engine.starting', { cause: 'first', reason: 'recovered', engineVersion: currentSpec(turn.state).engine.version }, known);
  turn.effects.push({ do: 'probe', ref: refOf(turn, known), phase: 'starting' });
}

/** Generations go on from there: no number is given out twice, also after the store was lost. */
export function counted(turn: Turn, about: About): void {
  const engine = engineAt(turn, about.replica);
  if (!isLive(engine) && engine.generation < about.generation)
    put(turn, { ...engine, generation: about.generation, issued: Math.max(engine.issued, about.generation) });
}

/** It ended while no daemon was there; its launcher has kept the code. What is left of its tree is ended as after any exit. */
export function endedMeanwhile(turn: Turn, engine: EngineState, end: { readonly identity: Identity; readonly exit: Exit }): void {
  const live = livePhase(engine);
  if (live === null) return;
  const known = putRun(turn, engine, { identity: end.identity, spawnedMs: live.run.spawnedMs ?? turn.env.nowMs });
  // It was waited for already, by a daemon that is no more.
  if (live.is !== 'stopping' && live.is !== 'stuck') return exited(turn, known, end.exit);
  const ending = putRun(turn, known, { exit: live.run.exit ?? end.exit });
  const { phase } = ending;
  // Told to end by a daemon whose successor could not prove it to be ours: whether that had come to KILL is not known, so it has its grace again.
  const termed = phase.is === 'stuck' && phase.why === 'unproven' && phase.run.endReason !== null;
  const again = termed
    ? put(turn, { ...ending, phase: { is: 'stopping', killAtMs: turn.env.nowMs, stuckAtMs: null, run: phase.run } })
    : ending;
  endingAgain(turn, again, 'terminateRest');
}

/** What the dead daemon had begun is done again, as nobody knows whether it was done: TERM with its whole grace before KILL, and KILL with the time it takes. */
function endingAgain(turn: Turn, engine: EngineState, gently: 'terminate' | 'terminateRest'): void {
  const { phase } = engine;
  const ref = refOf(turn, engine);
  const byTerm = phase.is === 'stopping' && phase.stuckAtMs === null;
  const { nowMs } = turn.env;
  if (byTerm) put(turn, { ...engine, phase: { ...phase, killAtMs: nowMs + specOf(turn.state, phase.run.specId).stop.timeoutMs } });
  else if (phase.is === 'stopping') put(turn, { ...engine, phase: { ...phase, stuckAtMs: nowMs + STUCK_AFTER_MS } });
  turn.effects.push({ do: 'removeHandoff', ref }, { do: byTerm ? gently : 'kill', ref }, { do: 'awaitGone', ref });
}

/** The intent was stored and nothing came of it: as if the start had not been decided. */
export function neverStarted(turn: Turn, engine: EngineState): void {
  const live = livePhase(engine);
  if (live === null) return;
  const cause = causeAgain(engine, live.run);
  canaryLeft(turn, engine);
  const ref = refOf(turn, engine);
  turn.effects.push({ do: 'release', ref }, { do: 'releaseDevice', ref });
  if (engine.role !== 'serving') {
    leftBeside(turn, engine);
    emit(turn, 'engine.stopped', { reason: 'never_started' }, engine);
    if (engine.role === 'candidate') candidateUnborn(turn, engine);
    return;
  }
  const failedBefore = isAutomaticRestart(live.run.cause) || live.run.cause === 'canary' || live.run.cause === 'trial';
  const after = put(turn, {
    ...engine,
    phase: failedBefore ? { is: 'backoff', why: 'failure', cause, dueMs: turn.env.nowMs, delayMs: 0 } : { is: 'idle' },
  });
  if (failedBefore) backoffAnnounced(turn, after);
  else emit(turn, 'engine.stopped', { reason: 'never_started' }, after);
}

/** Something is there that may be ours and cannot be proved to be: hands off, and nothing beside it. */
export function unproven(turn: Turn, engine: EngineState, identity: Identity | null): void {
  const live = livePhase(engine);
  if (live === null) return;
  canaryLeft(turn, engine);
  const stuck = put(turn, {
    ...engine,
    phase: { is: 'stuck', why: 'unproven', run: { ...live.run, identity: live.run.identity ?? identity } },
  });
  const ref = refOf(turn, stuck);
  turn.effects.push({ do: 'removeHandoff', ref }, { do: 'awaitGone', ref });
  emit(turn, 'engine.stuck', { reason: 'unproven' }, stuck);
}
