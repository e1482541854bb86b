/** The host's places for starts at work: see `start-gate-state.ts`. Grants go back to the pool that asked. */
import type { EngineRef } from '../engine/identity.ts';
import type { StartGateEvent } from './start-gate-state.ts';
import { gateNext, newStartGate } from './start-gate-state.ts';

export interface StartGate {
  request(request: { readonly ref: EngineRef; readonly device: string | null; readonly granted: () => void }): void;
  /** After a start of the daemon: it loads already. */
  found(request: { readonly ref: EngineRef; readonly device: string | null }): void;
  spawnLeft(ref: EngineRef): void;
  deviceLeft(ref: EngineRef): void;
}

export function openStartGate(perDevice: number | null): StartGate {
  let state = newStartGate(perDevice);
  const waiting = new Map<string, () => void>();
  const send = (event: StartGateEvent): void => {
    const [after, refs] = gateNext(state, event);
    state = after;
    for (const ref of refs) {
      const granted = waiting.get(keyOf(ref));
      waiting.delete(keyOf(ref));
      granted?.();
    }
  };
  return {
    request({ ref, device, granted }) {
      waiting.set(keyOf(ref), granted);
      send({ type: 'requested', request: { ref, device } });
    },
    found: (request) => send({ type: 'found', request }),
    spawnLeft: (ref) => send({ type: 'spawnLeft', ref }),
    deviceLeft(ref) {
      waiting.delete(keyOf(ref));
      send({ type: 'deviceLeft', ref });
    },
  };
}

function keyOf(ref: EngineRef): string {
  return `${ref.pool}/${ref.replica}/${ref.generation}`;
}
