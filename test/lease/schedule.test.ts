import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PoolCommand } from '../../src/pool/host.ts';
import type { Behaviour } from '../pool/behaviour.ts';
import { dies, ignoresTerm, serves } from '../pool/behaviour.ts';
import { LeaseScript } from './lease-script.ts';

/**
 * What holds in every schedule of people who lease, wait, drain, pause, scale and restart, and of engines and daemons that die. The script itself
 * fails when a slot is free while somebody waits, a lease sits where none may, a token does not rise, a lease ends twice, what is stored is not what
 * is read back, or the pool asks for the same moment again and again.
 */
type Step =
  | PoolCommand
  | { readonly do: 'pass' | 'away'; readonly forS: number }
  | { readonly do: 'acquire'; readonly waitS: number | null; readonly priority: number; readonly bound: boolean }
  | { readonly do: 'release' | 'renew' | 'leave'; readonly nth: number; readonly failed: boolean }
  | { readonly do: 'crash'; readonly replica: number }
  | { readonly do: 'cancel' | 'reboot' };

const replica = fc.option(fc.nat(2));
const acquire = fc.record({
  do: fc.constant('acquire' as const),
  waitS: fc.constantFrom(null, 0, 1, 20, 1_000),
  priority: fc.nat(9),
  bound: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('pass' as const), forS: fc.constantFrom(0, 0.1, 1, 5, 31, 65) }) },
  { weight: 8, arbitrary: acquire },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('release' as const, 'renew' as const, 'leave' as const),
      nth: fc.nat(9),
      failed: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), replica: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('drain' as const),
      replica,
      deadlineMs: fc.constantFrom(null, 0, 3_000, 60_000),
      extend: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('resume' as const), replica }) },
  fc.record({ do: fc.constantFrom('start' as const, 'pause' as const, 'retry' as const), replica }),
  fc.record({ do: fc.constantFrom('stop' as const, 'restart' as const), replica, now: fc.boolean() }),
  fc.record({ do: fc.constant('scale' as const), replicas: fc.nat(3) }),
  fc.record({ do: fc.constant('away' as const), forS: fc.constantFrom(0.5, 40) }),
  fc.record({ do: fc.constantFrom('cancel' as const, 'reboot' as const) }),
);

const spec = fc.record({
  replicas: fc.integer({ min: 1, max: 3 }),
  slots: fc.integer({ min: 1, max: 2 }),
  drain: fc.record({ deadlineMs: fc.constantFrom(2_000, 30_000) }),
  queue: fc.record({ limit: fc.constantFrom(2, 1_000), agingMs: fc.constantFrom(0, 30_000) }),
  leases: fc.record({ maxHoldMs: fc.constantFrom(0, 40_000) }),
  reload: fc.record({
    strategy: fc.constantFrom('rolling' as const, 'recreate' as const, 'blue-green' as const),
    maxSurge: fc.constantFrom(0, 1),
    maxUnavailable: fc.constant(1),
  }),
  breaker: fc.record({ failureThreshold: fc.constantFrom(1, 5), openForMs: fc.constant(10_000) }),
});
const behaviour = fc.constantFrom<Behaviour>(serves, dies(), dies(20), ignoresTerm, { ...serves, preflightS: 3 }, { ...serves, spawnS: 2 });

class People {
  readonly #s: LeaseScript;
  #count = 0;

  constructor(s: LeaseScript) {
    this.#s = s;
  }

  do(one: Step): void {
    const s = this.#s;
    switch (one.do) {
      case 'pass':
        s.pass(one.forS);
        return;
      case 'away':
        s.daemonDies().pass(one.forS).again();
        return;
      case 'reboot':
        s.reboots().send({ type: 'opened' });
        return;
      case 'crash':
        if (s.processes.some(({ ref, gone, exit }) => ref.replica === one.replica && !gone && exit === null)) s.crash(one.replica);
        return;
      case 'acquire':
        return this.#acquires(one);
      case 'release':
      case 'renew':
      case 'leave':
        return this.#comes(one);
      case 'cancel': {
        const [operation] = s.state.operations;
        if (operation !== undefined) s.send({ type: 'cancel', operationId: operation.id, stamp: { by: 'bob', atMs: 0, reason: null } });
        return;
      }
      default:
        if (s.refused(one) === null) s.tell(one);
    }
  }

  #acquires({ waitS, priority, bound }: Extract<Step, { do: 'acquire' }>): void {
    this.#count += 1;
    const patience = waitS === null ? 'ticket' : waitS === 0 ? 'refuse' : ({ waitMs: waitS * 1_000 } as const);
    this.#s.acquire(`p${this.#count}`, { patience, priority, bind: bound ? 'connection' : 'ttl' });
  }

  #comes({ do: what, nth, failed }: Extract<Step, { do: 'release' | 'renew' | 'leave' }>): void {
    const s = this.#s;
    const one = what === 'leave' ? s.state.tickets[nth]?.holder : s.seats[nth]?.split(' ')[0];
    if (one === undefined) return;
    if (what === 'leave') s.leave(one);
    else if (what === 'renew') s.renew(s.held(one));
    else s.release(s.held(one), failed);
  }
}

/** Every drain that has begun has ended, of the pool and of each engine. */
function drainsEnded(s: LeaseScript): void {
  const open = new Map<string, number>();
  for (const { type, engine, generation } of s.happenings) {
    const key = engine === undefined ? 'chat' : `${engine}.${generation}`;
    if (type === 'drain.started') open.set(key, (open.get(key) ?? 0) + 1);
    if (type === 'drain.finished') open.set(key, (open.get(key) ?? 0) - 1);
  }
  expect(Object.fromEntries(open)).toEqual(Object.fromEntries([...open.keys()].map((key) => [key, 0])));
}

it('every schedule keeps what is promised to people, and comes to rest', () => {
  const schedule = fc.record({ change: spec, behaviours: fc.array(behaviour, { maxLength: 3 }), steps: fc.array(step, { maxLength: 40 }) });
  fc.assert(
    fc.property(schedule, ({ change, behaviours, steps }) => {
      const s = new LeaseScript(change, ...behaviours).until(2);
      const people = new People(s);
      for (const one of steps) {
        people.do(one);
        const view = s.view();
        if (view.state !== 'running') expect(view.message, view.state).toBeTruthy();
        for (const engine of view.engines) expect(engine.message ?? '').not.toMatch(/NaN|Infinity|undefined|null/);
      }
      // Connections go, and a person wants everything to run again.
      s.daemonDies().again();
      s.resume();
      if (s.refused({ do: 'start', replica: null }) === null) s.start();
      s.tell({ do: 'reset', class: null, forget: true });
      s.pass(2_000);
      expect([s.state.tickets, s.seats, s.state.operations.map(({ kind }) => kind)]).toEqual([[], [], []]);
      expect([s.state.drain, s.state.rollout, s.state.others]).toEqual([null, null, []]);
      for (const engine of s.view().engines) expect(['ready', 'stopped'], `${engine.id} ${engine.message}`).toContain(engine.state);
      drainsEnded(s);
    }),
    { numRuns: 150 },
  );
});
