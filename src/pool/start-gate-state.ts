/**
 * The host's places for starts, shared by all pools: product.md, "Starting". At most `spawnsMax` are between their stored intent and their recorded pid,
 * and with `perDevice` at most so many load on one device at once. Fair over pools: after one pool's turn the next pool that waits has its.
 */
import type { EngineRef } from '../engine/identity.ts';

export const SPAWNS_MAX = 4;

export interface StartRequest {
  readonly ref: EngineRef;
  /** Entry of `devices` (`0,1` is two devices), or null. */
  readonly device: string | null;
}

export interface StartGateState {
  readonly perDevice: number | null;
  readonly waiting: readonly StartRequest[];
  readonly spawning: readonly StartRequest[];
  /** Granted, on a device, and neither ready nor over. */
  readonly loading: readonly StartRequest[];
  /** The pool that had its turn last. */
  readonly lastPool: string | null;
}

export type StartGateEvent =
  | { readonly type: 'requested'; readonly request: StartRequest }
  /** After a start of the daemon, before any request: it lives, on a device, and has not been ready. */
  | { readonly type: 'found'; readonly request: StartRequest }
  /** Its pid is recorded, or there will be none. */
  | { readonly type: 'spawnLeft'; readonly ref: EngineRef }
  /** It is ready, or will not be; also takes back a request that still waits. */
  | { readonly type: 'deviceLeft'; readonly ref: EngineRef };

export function newStartGate(perDevice: number | null): StartGateState {
  return { perDevice, waiting: [], spawning: [], loading: [], lastPool: null };
}

/** The state after the event, and the starts that are granted by it, in their order. */
export function gateNext(state: StartGateState, event: StartGateEvent): [StartGateState, EngineRef[]] {
  return granted(changed(state, event));
}

function changed(state: StartGateState, event: StartGateEvent): StartGateState {
  switch (event.type) {
    case 'requested':
      return { ...state, waiting: [...state.waiting, event.request] };
    case 'found':
      return { ...state, loading: [...state.loading, event.request] };
    case 'spawnLeft':
      return { ...state, spawning: without(state.spawning, event.ref) };
    case 'deviceLeft':
      return { ...state, waiting: without(state.waiting, event.ref), loading: without(state.loading, event.ref) };
  }
}

function granted(state: StartGateState): [StartGateState, EngineRef[]] {
  const refs: EngineRef[] = [];
  let after = state;
  for (let next = nextRequest(after); next !== undefined; next = nextRequest(after)) {
    refs.push(next.ref);
    after = {
      ...after,
      waiting: without(after.waiting, next.ref),
      spawning: [...after.spawning, next],
      loading: next.device === null ? after.loading : [...after.loading, next],
      lastPool: next.ref.pool,
    };
  }
  return [after, refs];
}

function nextRequest(state: StartGateState): StartRequest | undefined {
  if (state.waiting.length === 0 || state.spawning.length >= SPAWNS_MAX) return undefined;
  const free = state.waiting.filter((request) => deviceIsFree(state, request));
  const pools = [...new Set(state.waiting.map(({ ref }) => ref.pool))].toSorted();
  const turn = [...pools.filter((pool) => pool > (state.lastPool ?? '')), ...pools];
  for (const pool of turn) {
    const mine = free.find(({ ref }) => ref.pool === pool);
    if (mine !== undefined) return mine;
  }
  return undefined;
}

function deviceIsFree(state: StartGateState, request: StartRequest): boolean {
  const { perDevice } = state;
  if (perDevice === null || request.device === null) return true;
  return devicesOf(request.device).every(
    (device) => state.loading.filter((other) => devicesOf(other.device).includes(device)).length < perDevice,
  );
}

/** Of an entry of `devices`. */
export function devicesOf(entry: string | null): string[] {
  return entry === null ? [] : entry.split(',').map((device) => device.trim());
}

function without(requests: readonly StartRequest[], ref: EngineRef): readonly StartRequest[] {
  return requests.filter(
    (other) => other.ref.pool !== ref.pool || other.ref.replica !== ref.replica || other.ref.generation !== ref.generation,
  );
}
