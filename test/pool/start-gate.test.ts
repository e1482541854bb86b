import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EngineRef } from '../../src/engine/identity.ts';
import type { StartGateEvent, StartGateState, StartRequest } from '../../src/pool/start-gate-state.ts';
import { gateNext, newStartGate, SPAWNS_MAX } from '../../src/pool/start-gate-state.ts';

/** `chat/0` or, of a later generation, `chat/0#2`. */
function ref(name: string): EngineRef {
  const [, pool = '', replica, generation = '1'] = /^(.*)\/(\d+)(?:#(\d+))?$/.exec(name) ?? [];
  return { pool, replica: Number(replica), generation: Number(generation) };
}

class Gate {
  state: StartGateState;

  constructor(perDevice: number | null = null) {
    this.state = newStartGate(perDevice);
  }

  /** The starts that are granted by the event, as `chat/0`. */
  send(event: StartGateEvent): string[] {
    const [state, granted] = gateNext(this.state, event);
    this.state = state;
    return granted.map(({ pool, replica }) => `${pool}/${replica}`);
  }

  ask = (name: string, device: string | null = null): string[] => this.send({ type: 'requested', request: { ref: ref(name), device } });
  spawnLeft = (name: string): string[] => this.send({ type: 'spawnLeft', ref: ref(name) });
  deviceLeft = (name: string): string[] => this.send({ type: 'deviceLeft', ref: ref(name) });
}

describe('the host’s places for starts', () => {
  it('are four between intent and pid; the next is granted when one is given back', () => {
    const gate = new Gate();
    expect(['a/0', 'a/1', 'a/2', 'a/3', 'a/4', 'a/5'].flatMap((name) => gate.ask(name))).toEqual(['a/0', 'a/1', 'a/2', 'a/3']);
    expect(gate.spawnLeft('a/2')).toEqual(['a/4']);
    expect(gate.spawnLeft('a/2')).toEqual([]);
  });

  it('go round the pools, whoever came first within one', () => {
    const gate = new Gate();
    for (const name of ['b/0', 'b/1', 'b/2', 'b/3', 'b/4', 'b/5', 'c/0', 'a/0', 'b/6']) gate.ask(name);
    const order: string[] = [];
    for (const name of ['b/0', 'b/1', 'b/2', 'b/3']) order.push(...gate.spawnLeft(name));
    expect(order).toEqual(['c/0', 'a/0', 'b/4', 'b/5']);
  });

  it('keep no more than perDevice from loading on one device at once, the time until ready included', () => {
    const gate = new Gate(1);
    expect(gate.ask('a/0', '0')).toEqual(['a/0']);
    expect(gate.ask('b/0', '0,1')).toEqual([]);
    expect(gate.ask('c/0', '1')).toEqual(['c/0']);
    expect(gate.spawnLeft('a/0')).toEqual([]);
    expect(gate.deviceLeft('a/0')).toEqual([]);
    expect(gate.deviceLeft('c/0')).toEqual(['b/0']);
  });

  it('let those without a device, or on another, pass one that waits for its device', () => {
    const gate = new Gate(1);
    gate.ask('a/0', '0');
    expect(gate.ask('a/1', '0')).toEqual([]);
    expect(gate.ask('a/2')).toEqual(['a/2']);
    expect(gate.ask('a/3', '1')).toEqual(['a/3']);
  });

  it('have no limit per device where none is set', () => {
    const gate = new Gate();
    expect(['a/0', 'a/1'].flatMap((name) => gate.ask(name, '0'))).toEqual(['a/0', 'a/1']);
  });

  it('forget a request that is taken back, and tell generations apart', () => {
    const gate = new Gate(1);
    gate.ask('a/0', '0');
    gate.ask('a/1', '0');
    gate.deviceLeft('a/1');
    expect(gate.deviceLeft('a/0#2')).toEqual([]);
    expect(gate.deviceLeft('a/0')).toEqual([]);
    expect(gate.state.waiting).toEqual([]);
  });

  it('are never more than they may be, and none stays free while somebody may have it', () => {
    const devices = fc.constantFrom(null, '0', '1', '0,1');
    const requests = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), devices, fc.nat(2)), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(requests, fc.constantFrom(null, 1, 2), (given, perDevice) => {
        const gate = new Gate(perDevice);
        for (const [at, [pool, device, what]] of given.entries()) {
          gate.ask(`${pool}/${at}`, device);
          const [spawning] = gate.state.spawning;
          const [loading] = gate.state.loading;
          if (what > 0 && spawning !== undefined) gate.send({ type: 'spawnLeft', ref: spawning.ref });
          if (what > 1 && loading !== undefined) gate.send({ type: 'deviceLeft', ref: loading.ref });
          placesHold(gate.state, perDevice ?? Number.POSITIVE_INFINITY);
        }
      }),
    );
  });
});

function placesHold({ spawning, waiting, loading }: StartGateState, perDevice: number): void {
  const devicesOf = ({ device }: StartRequest): string[] => device?.split(',') ?? [];
  const loadingOn = (name: string): number => loading.filter((one) => devicesOf(one).includes(name)).length;
  expect(spawning.length).toBeLessThanOrEqual(SPAWNS_MAX);
  for (const name of ['0', '1']) expect(loadingOn(name)).toBeLessThanOrEqual(perDevice);
  const mayGo = waiting.filter((one) => devicesOf(one).every((name) => loadingOn(name) < perDevice));
  if (spawning.length < SPAWNS_MAX) expect(mayGo).toEqual([]);
}
