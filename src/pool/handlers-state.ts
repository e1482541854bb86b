/** Each event to its handler. What is about an older generation than the engine's is dropped here, in one place. */

import type { EngineState } from '../engine/engine-state.ts';
import { livePhase } from '../engine/engine-state.ts';
import type { ProbeResult } from '../engine/samples-state.ts';
import { healthOf, sampled } from '../engine/samples-state.ts';
import type { LeaseEvent } from '../lease/lease-events.ts';
import { opened } from '../lease/opened-state.ts';
import { rolloutFailed } from '../rollout/failed-state.ts';
import { candidatePrepared } from '../rollout/prepare-state.ts';
import { adopted, configured, counted, endedMeanwhile, machineRebooted, neverStarted, recovered, unproven } from './boot-state.ts';
import { inUseHeard } from './closings-state.ts';
import { cancelled, commanded } from './command-state.ts';
import { exited, gone } from './endings-state.ts';
import type { PoolEvent } from './pool-events.ts';
import { probeSampled } from './settle-state.ts';
import { preflown, prepared, spawned, spawnGranted, startFailed } from './starts-state.ts';
import type { Turn } from './turn.ts';
import { generationIn, putRun, specOf } from './turn.ts';

type AboutGeneration = Extract<PoolEvent, { readonly generation: number }>;

export function handled(turn: Turn, event: Exclude<PoolEvent, LeaseEvent>): void {
  switch (event.type) {
    case 'tick':
      return;
    case 'command':
      return commanded(turn, event);
    case 'cancel':
      return cancelled(turn, event.operationId, event.stamp);
    case 'configured':
      return configured(turn, event.spec, event.specId);
    case 'rebooted':
      return machineRebooted(turn);
    case 'shutdown':
      turn.state = { ...turn.state, shuttingDown: true };
      return rolloutFailed(turn, { code: 'shutting_down', message: 'the daemon was shut down in the middle of it', cancelled: false });
    case 'prepared':
      prepared(turn, event.specId, event.failure);
      return candidatePrepared(turn, event.specId, event.failure);
    case 'opened':
      return opened(turn);
    // Also for an older generation: the place it was given has to be given back.
    case 'spawnGranted':
      return spawnGranted(turn, event);
    case 'recovered':
      return recovered(turn, event, event);
    case 'counted':
      return counted(turn, event);
    default: {
      const engine = generationIn(turn.state, event);
      if (engine !== undefined) aboutGeneration(turn, engine, event);
    }
  }
}

type AboutEngine = Exclude<AboutGeneration, { readonly type: 'spawnGranted' | 'recovered' | 'counted' }>;

function aboutGeneration(turn: Turn, engine: EngineState, event: AboutEngine): void {
  switch (event.type) {
    case 'preflown':
      return preflown(turn, event, event);
    case 'spawned':
      return spawned(turn, event, event.identity);
    case 'startFailed':
      return startFailed(turn, event, event);
    case 'probed':
      return probed(turn, engine, event.result);
    case 'exited':
      return exited(turn, engine, event.exit);
    case 'gone':
      return gone(turn, engine, event.evidence);
    case 'adopted':
      return adopted(turn, engine, event.identity);
    case 'endedMeanwhile':
      return endedMeanwhile(turn, engine, event);
    case 'neverStarted':
      return neverStarted(turn, engine);
    case 'unproven':
      return unproven(turn, engine, event.identity ?? null);
    default:
      event satisfies never;
  }
}

function probed(turn: Turn, engine: EngineState, result: ProbeResult): void {
  const live = livePhase(engine);
  if (live === null || live.run.identity === null) return;
  const { probes } = specOf(turn.state, live.run.specId);
  const samples = sampled(live.run.samples, probes, { ...result, nowMs: turn.env.nowMs });
  const known = samples === live.run.samples ? engine : putRun(turn, engine, { samples });
  if (result.kind !== 'inUse') return probeSampled(turn, known, healthOf(samples, probes));
  // A question without an answer tells nothing: what the samples hold then is of before.
  if (result.ok) inUseHeard(turn, known);
}
