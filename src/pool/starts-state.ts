/** From the decision to start a generation until it is ready: product.md, "Starting". Each answer is about one generation; an older one is dropped. */
import type { EngineState, Phase, Run, StartCause, StartStep } from '../engine/engine-state.ts';
import { livePhase } from '../engine/engine-state.ts';
import type { Identity } from '../engine/identity.ts';
import { NO_SAMPLES } from '../engine/samples-state.ts';
import type { StartFailure } from '../policy/crash-class.ts';
import { stopTold } from './endings-state.ts';
import { backoffAnnounced, startEnded } from './failures-state.ts';
import { breakerGate } from './gates-state.ts';
import { stepped } from './operation-state.ts';
import { isAutomaticRestart, restartCounted } from './restarts-state.ts';
import type { Turn } from './turn.ts';
import { currentSpec, emit, engineAt, put, putRun, refOf } from './turn.ts';

export interface About {
  readonly replica: number;
  readonly generation: number;
}

type Starting = Extract<Phase, { readonly is: 'starting' }>;

/** Gives out the next generation number and sends it on its way. */
export function startBegun(turn: Turn, engine: EngineState, cause: StartCause): EngineState {
  const spec = currentSpec(turn.state);
  const { specId, prepared } = turn.state;
  const ready = spec.engine.prepare === null || (prepared?.specId === specId && prepared.step === 'done');
  const run: Run = { ...newRun(turn, cause), port: engine.port, device: spec.engine.devices?.[engine.replica] ?? null };
  const begun = put(turn, {
    ...engine,
    generation: engine.generation + 1,
    phase: { is: 'starting', step: ready ? 'preflight' : 'preparing', run },
  });
  emit(turn, 'engine.starting', { cause, reason: engine.lastFailureClass, engineVersion: spec.engine.version }, begun);
  stepped(turn, engine.replica, `starting ${turn.state.name}/${engine.replica}`);
  if (ready) askPreflight(turn, begun);
  else if (prepared?.specId !== specId) {
    turn.state = { ...turn.state, prepared: { specId, step: 'running' } };
    turn.effects.push({ do: 'prepare', specId });
  }
  return begun;
}

/** A generation of the current spec that has not come to a process yet. */
export function newRun(turn: Turn, cause: StartCause): Run {
  return {
    specId: turn.state.specId,
    cause,
    startedAtMs: turn.env.wallMs,
    spawnedMs: null,
    identity: null,
    port: null,
    device: null,
    firstReadyMs: null,
    readySinceMs: null,
    readyAtMs: null,
    samples: NO_SAMPLES,
    succeeded: false,
    endReason: null,
    exit: null,
    killed: false,
    adoptedMs: null,
  };
}

/** `prepare` of a spec has ended: whoever waited for it goes on, or fails with it. */
export function prepared(turn: Turn, specId: string, failure: string | null): void {
  if (turn.state.prepared?.specId !== specId) return;
  turn.state = { ...turn.state, prepared: failure === null ? { specId, step: 'done' } : null };
  for (const engine of turn.state.engines) {
    const phase = startingAt(engine, 'preparing');
    if (phase === null || phase.run.specId !== specId) continue;
    if (failure === null) askPreflight(turn, put(turn, { ...engine, phase: { ...phase, step: 'preflight' } }));
    else startEnded(turn, engine, { class: 'prepare_failed', message: failure });
  }
}

export function preflown(turn: Turn, about: About, found: { readonly port: number | null; readonly device: string | null }): void {
  const engine = engineAt(turn, about.replica);
  const phase = startingAt(engine, 'preflight');
  if (phase === null || engine.generation !== about.generation) return;
  const queued = put(turn, {
    ...engine,
    port: found.port,
    phase: { is: 'starting', step: 'queued', run: { ...phase.run, port: found.port, device: found.device } },
  });
  turn.effects.push({ do: 'requestSpawn', ref: refOf(turn, queued), device: found.device });
}

/** A place to spawn: the intent is stored with this turn, BEFORE the effect. A breaker that opened meanwhile takes an automatic start back. */
export function spawnGranted(turn: Turn, about: About): void {
  const engine = engineAt(turn, about.replica);
  const phase = startingAt(engine, 'queued');
  const ref = { ...refOf(turn, engine), generation: about.generation };
  if (phase === null || engine.generation !== about.generation || recalled(turn, engine, phase.run)) {
    turn.effects.push({ do: 'releaseSpawn', ref }, { do: 'releaseDevice', ref });
    return;
  }
  const spawning = put(turn, { ...engine, phase: { ...phase, step: 'spawning' } });
  turn.effects.push({ do: 'spawn', ref });
  restartCounted(turn, spawning, phase.run.cause);
}

export function spawned(turn: Turn, about: About, identity: Identity): void {
  const engine = engineAt(turn, about.replica);
  const phase = startingAt(engine, 'spawning');
  if (phase === null || engine.generation !== about.generation) return;
  const run: Run = { ...phase.run, identity, spawnedMs: turn.env.nowMs };
  const probing = put(turn, { ...engine, phase: { is: 'starting', step: 'probing', run } });
  turn.effects.push({ do: 'releaseSpawn', ref: refOf(turn, probing) });
  if (run.endReason !== null) stopTold(turn, probing, run.endReason);
  else turn.effects.push({ do: 'probe', ref: refOf(turn, probing), phase: 'starting' });
}

/** Preflight or spawn failed: one path for each way, and whatever it held is given back once. */
export function startFailed(turn: Turn, about: About, failure: { readonly class: StartFailure; readonly message: string }): void {
  const engine = engineAt(turn, about.replica);
  if (engine.generation !== about.generation) return;
  if (startingAt(engine, 'preflight') === null && startingAt(engine, 'spawning') === null) return;
  if (startingAt(engine, 'spawning') !== null) {
    const ref = refOf(turn, engine);
    turn.effects.push({ do: 'releaseSpawn', ref }, { do: 'releaseDevice', ref });
  }
  startEnded(turn, engine, failure);
}

/** It serves, for the first time or again. */
export function becameReady(turn: Turn, engine: EngineState): void {
  const live = livePhase(engine);
  if (live === null) return;
  const { nowMs, wallMs } = turn.env;
  const first = live.run.firstReadyMs === null;
  if (!turn.state.beenReady) turn.state = { ...turn.state, beenReady: true };
  const ready = put(turn, { ...engine, phase: { is: 'ready', run: live.run } });
  const changed = putRun(turn, ready, {
    readySinceMs: nowMs,
    firstReadyMs: live.run.firstReadyMs ?? nowMs,
    readyAtMs: live.run.readyAtMs ?? wallMs,
  });
  const startMs = first && live.run.spawnedMs !== null ? Math.round(nowMs - live.run.spawnedMs) : null;
  const ref = refOf(turn, changed);
  if (first) turn.effects.push({ do: 'releaseDevice', ref }, { do: 'writeHandoff', ref }, { do: 'probe', ref, phase: 'serving' });
  emit(turn, 'engine.ready', { startMs }, changed);
  stepped(turn, engine.replica, `${turn.state.name}/${engine.replica} is ready`);
}

/** Takes an automatic start back for which a breaker has opened since it was decided. A person's and a canary's go on. */
function recalled(turn: Turn, engine: EngineState, run: Run): boolean {
  const automatic = isAutomaticRestart(run.cause) || run.cause === 'first' || run.cause === 'trial';
  if (!automatic || breakerGate(turn.state, engine) === null) return false;
  const held = put(turn, { ...engine, phase: { is: 'backoff', why: 'failure', cause: run.cause, dueMs: turn.env.nowMs, delayMs: 0 } });
  backoffAnnounced(turn, held);
  return true;
}

function askPreflight(turn: Turn, engine: EngineState): void {
  turn.effects.push({ do: 'preflight', ref: refOf(turn, engine), specId: turn.state.specId, port: engine.port });
}

function startingAt(engine: EngineState, step: StartStep): Starting | null {
  return engine.phase.is === 'starting' && engine.phase.step === step ? engine.phase : null;
}
