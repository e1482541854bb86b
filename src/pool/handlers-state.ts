/** Each event to its handler. What is about an older generation than the engine's is dropped here, in one place. */

import { livePhase } from '../engine/engine-state.ts';
import { healthOf, sampled } from '../engine/samples-state.ts';
import { adopted, configured, counted, endedMeanwhile, machineRebooted, neverStarted, recovered, unproven } from './boot-state.ts';
import { cancelled, commanded } from './command-state.ts';
import { exited, gone } from './endings-state.ts';
import type { PoolEvent } from './pool-events.ts';
import { probeSampled } from './settle-state.ts';
import { preflown, prepared, spawned, spawnGranted, startFailed } from './starts-state.ts';
import type { Turn } from './turn.ts';
import { engineAt, putRun, specOf } from './turn.ts';

type AboutGeneration = Extract<PoolEvent, { readonly generation: number }>;

export function handled(turn: Turn, event: PoolEvent): void {
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
      return;
    case 'prepared':
      return prepared(turn, event.specId, event.failure);
    // Also for an older generation: the place it was given has to be given back.
    case 'spawnGranted':
      return spawnGranted(turn, event);
    case 'recovered':
      return recovered(turn, event, event);
    case 'counted':
      return counted(turn, event);
    default:
      if (engineAt(turn, event.replica).generation === event.generation) aboutGeneration(turn, event);
  }
}

function aboutGeneration(turn: Turn, event: Exclude<AboutGeneration, { readonly type: 'spawnGranted' | 'recovered' | 'counted' }>): void {
  const engine = engineAt(turn, event.replica);
  switch (event.type) {
    case 'preflown':
      return preflown(turn, event, event);
    case 'spawned':
      return spawned(turn, event, event.identity);
    case 'startFailed':
      return startFailed(turn, event, event);
    case 'probed':
      return probed(turn, event);
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

function probed(turn: Turn, event: Extract<PoolEvent, { readonly type: 'probed' }>): void {
  const engine = engineAt(turn, event.replica);
  const live = livePhase(engine);
  if (live === null || live.run.identity === null) return;
  const { probes } = specOf(turn.state, live.run.specId);
  const samples = sampled(live.run.samples, probes, { ...event.result, nowMs: turn.env.nowMs });
  const known = samples === live.run.samples ? engine : putRun(turn, engine, { samples });
  probeSampled(turn, known, healthOf(samples, probes));
}
