/** From the decision to start a generation until it is ready: product.md, "Starting". Each answer is about one generation; an older one is dropped. */
import type { EngineState, Executable, Phase, Run, StartCause, StartStep } from '../engine/engine-state.ts';
import { livePhase } from '../engine/engine-state.ts';
import type { Identity } from '../engine/identity.ts';
import { NO_SAMPLES } from '../engine/samples-state.ts';
import type { StartFailure } from '../policy/crash-class.ts';
import { stopTold } from './endings-state.ts';
import { backoffAnnounced, startEnded } from './failures-state.ts';
import { breakerGate } from './gates-state.ts';
import { stepped } from './operation-state.ts';
import { freeSide } from './others-state.ts';
import type { PoolState } from './pool-state.ts';
import { isAutomaticRestart, restartCounted } from './restarts-state.ts';
import type { Turn } from './turn.ts';
import { allEngines, emit, engineAt, generationIn, put, putRun, refOf, specOf } from './turn.ts';

export interface About {
  readonly replica: number;
  readonly generation: number;
}

type Starting = Extract<Phase, { readonly is: 'starting' }>;

/** Gives out the next generation number and sends it on its way. */
export function startBegun(turn: Turn, engine: EngineState, cause: StartCause): EngineState {
  const specId = engine.specId ?? turn.state.specId;
  const spec = specOf(turn.state, specId);
  const { prepared } = turn.state;
  const ready = spec.engine.prepare === null || isPrepared(turn.state, specId);
  const run: Run = { ...newRun(turn, specId, cause), port: engine.port, device: spec.engine.devices?.[engine.replica] ?? null };
  const generation = generationIssued(turn, engine);
  const begun = put(turn, {
    ...engine,
    side: engine.role === 'serving' ? freeSide(turn.state, engine) : engine.side,
    generation,
    issued: generation,
    closing: null,
    reports: [],
    phase: { is: 'starting', step: ready ? 'preflight' : 'preparing', run },
  });
  emit(turn, 'engine.starting', { cause, reason: engine.lastFailureClass, engineVersion: spec.engine.version }, begun);
  stepped(turn, engine.replica, `starting ${turn.state.name}/${engine.replica}`);
  if (ready) askPreflight(turn, begun, specId);
  else if (prepared?.specId !== specId) {
    turn.state = { ...turn.state, prepared: { specId, step: 'running' } };
    turn.effects.push({ do: 'prepare', specId });
  }
  return begun;
}

/** One count for the serving engine and its candidates: the same number is never given to two. */
function generationIssued(turn: Turn, engine: EngineState): number {
  const serving = engineAt(turn, engine.replica);
  const generation = Math.max(serving.issued, serving.generation, engine.issued) + 1;
  if (engine.role !== 'serving') put(turn, { ...serving, issued: generation });
  return generation;
}

/** What a reload tries was prepared before the first of its candidates. */
function isPrepared({ prepared, rollout }: PoolState, specId: string): boolean {
  if (rollout?.toSpecId === specId && rollout.fromSpecId !== specId) return rollout.step !== 'preparing';
  return prepared?.specId === specId && prepared.step === 'done';
}

/** A generation that has not come to a process yet. */
export function newRun(turn: Turn, specId: string, cause: StartCause): Run {
  return {
    specId,
    cause,
    startedAtMs: turn.env.wallMs,
    spawnedMs: null,
    identity: null,
    port: null,
    device: null,
    executable: null,
    firstReadyMs: null,
    readySinceMs: null,
    readyAtMs: null,
    samples: NO_SAMPLES,
    succeeded: false,
    endReason: null,
    exit: null,
    killed: false,
    cut: false,
    askableMs: null,
  };
}

/** `prepare` of a spec has ended: whoever waited for it goes on, or fails with it. */
export function prepared(turn: Turn, specId: string, failure: string | null): void {
  if (turn.state.prepared?.specId !== specId) return;
  turn.state = { ...turn.state, prepared: failure === null ? { specId, step: 'done' } : null };
  for (const engine of allEngines(turn.state)) {
    const phase = startingAt(engine, 'preparing');
    if (phase === null || phase.run.specId !== specId) continue;
    if (failure === null) askPreflight(turn, put(turn, { ...engine, phase: { ...phase, step: 'preflight' } }), specId);
    else startEnded(turn, engine, { class: 'prepare_failed', message: failure });
  }
}

export interface Preflown {
  readonly port: number | null;
  readonly device: string | null;
  readonly executable?: Executable | null;
}

export function preflown(turn: Turn, about: About, found: Preflown): void {
  const engine = generationIn(turn.state, about);
  const phase = engine === undefined ? null : startingAt(engine, 'preflight');
  if (engine === undefined || phase === null) return;
  const queued = put(turn, {
    ...engine,
    port: found.port,
    phase: {
      is: 'starting',
      step: 'queued',
      run: { ...phase.run, port: found.port, device: found.device, executable: found.executable ?? null },
    },
  });
  turn.effects.push({ do: 'requestSpawn', ref: refOf(turn, queued), device: found.device });
}

/** A place to spawn: the intent is stored with this turn, BEFORE the effect. A breaker that opened meanwhile takes an automatic start back. */
export function spawnGranted(turn: Turn, about: About): void {
  const engine = generationIn(turn.state, about);
  const phase = engine === undefined ? null : startingAt(engine, 'queued');
  const ref = { pool: turn.state.name, replica: about.replica, generation: about.generation };
  if (engine === undefined || phase === null || recalled(turn, engine, phase.run)) {
    turn.effects.push({ do: 'releaseSpawn', ref }, { do: 'releaseDevice', ref });
    return;
  }
  const spawning = put(turn, { ...engine, phase: { ...phase, step: 'spawning' } });
  turn.effects.push({ do: 'spawn', ref });
  restartCounted(turn, spawning, phase.run.cause);
}

export function spawned(turn: Turn, about: About, identity: Identity): void {
  const engine = generationIn(turn.state, about);
  const phase = engine === undefined ? null : startingAt(engine, 'spawning');
  if (engine === undefined || phase === null) return;
  const run: Run = { ...phase.run, identity, spawnedMs: turn.env.nowMs };
  const probing = put(turn, { ...engine, phase: { is: 'starting', step: 'probing', run } });
  turn.effects.push({ do: 'releaseSpawn', ref: refOf(turn, probing) });
  if (run.endReason !== null) stopTold(turn, probing, run.endReason);
  else turn.effects.push({ do: 'probe', ref: refOf(turn, probing), phase: 'starting' });
}

/** Preflight or spawn failed: one path for each way, and whatever it held is given back once. */
export function startFailed(turn: Turn, about: About, failure: { readonly class: StartFailure; readonly message: string }): void {
  const engine = generationIn(turn.state, about);
  if (engine === undefined) return;
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
  if (!turn.state.beenReady && engine.role === 'serving') turn.state = { ...turn.state, beenReady: true };
  const ready = put(turn, { ...engine, phase: { is: 'ready', run: live.run } });
  const changed = putRun(turn, ready, {
    readySinceMs: nowMs,
    firstReadyMs: live.run.firstReadyMs ?? nowMs,
    readyAtMs: live.run.readyAtMs ?? wallMs,
  });
  const startMs = first && live.run.spawnedMs !== null ? Math.round(nowMs - live.run.spawnedMs) : null;
  const ref = refOf(turn, changed);
  if (first) turn.effects.push({ do: 'releaseDevice', ref });
  // ORDER: a candidate is nobody's yet; its handoff file takes the place of the old one's when it does.
  if (first && engine.role === 'serving') turn.effects.push({ do: 'writeHandoff', ref });
  if (first) turn.effects.push({ do: 'probe', ref, phase: 'serving' });
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

function askPreflight(turn: Turn, engine: EngineState, specId: string): void {
  turn.effects.push({ do: 'preflight', ref: refOf(turn, engine), specId, port: engine.port });
}

function startingAt(engine: EngineState, step: StartStep): Starting | null {
  return engine.phase.is === 'starting' && engine.phase.step === step ? engine.phase : null;
}
