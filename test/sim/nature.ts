/** Everything about a world that its engines, its host and bad luck decide. One is drawn from a seed, one is written by hand. */
import type { PoolSpec } from '../../src/config/spec.ts';
import type { EngineRef } from '../../src/engine/identity.ts';
import type { StartFailure } from '../../src/policy/crash-class.ts';
import type { Traits } from './traits.ts';
import { HEALTHY } from './traits.ts';

/** What a daemon waits for. */
export type Answer = 'prepared' | 'preflown' | 'spawned' | 'exited' | 'gone' | 'probed' | 'opened';

export interface Failure {
  readonly class: StartFailure;
  readonly message: string;
}

export interface Nature {
  /** In [0, 1): `env.random` of that pool. */
  random(pool: string): number;
  /** `owner` is the engine's id, or the pool's name. */
  delayMs(answer: Answer, owner: string): number;
  /** After the n-th result of one probe. */
  gapMs(probe: { readonly periodMs: number; readonly owner: string; readonly results: number }): number;
  traits(ref: EngineRef, spec: PoolSpec): Traits;
  preflightFails(ref: EngineRef): Failure | null;
  spawnFails(ref: EngineRef): Failure | null;
  prepareFails(pool: string): string | null;
  /** What is asked is decided at the end of a turn of the event loop, and what else is due now comes in the next one. */
  asksFirst(): boolean;
  /** Where in the n-th step the daemon dies: 0 before the store, 1 after it, 1 + k after the k-th effect; null = it lives. */
  dies(): number | null;
}

/** Nothing goes wrong and nothing takes time; scripts override what they are about. */
export const KIND_NATURE: Nature = {
  random: () => 0.5,
  delayMs: () => 0,
  gapMs: ({ periodMs }) => periodMs,
  traits: () => HEALTHY,
  preflightFails: () => null,
  spawnFails: () => null,
  prepareFails: () => null,
  asksFirst: () => false,
  dies: () => null,
};
