import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PoolCommand } from '../../src/pool/host.ts';
import { ENGINE_STATES, POOL_STATES } from '../../src/pool/status.ts';
import type { Behaviour } from './behaviour.ts';
import { dies, diesOf, ignoresTerm, notPreflown, notSpawned, serves } from './behaviour.ts';
import type { SpecChange } from './pool-spec.ts';
import { Script } from './script.ts';

/**
 * What holds in every schedule. The script itself fails when the state cannot be stored, a generation is started beside a living one, an operation
 * ends twice, the end of a tree is awaited twice, or the pool asks for the same moment again and again.
 */

const behaviour = fc.constantFrom<Behaviour>(
  serves,
  dies(),
  dies(3),
  dies(20, { code: 0 }),
  diesOf('gpu', 2),
  diesOf('gpu', 70),
  ignoresTerm,
  notPreflown('port_busy'),
  notSpawned('device_busy'),
  notSpawned('starved'),
  notSpawned('spawn_failed'),
  { ...serves, preflightS: 8 },
  { ...dies(1), spawnS: 4 },
  { ...dies(4), leavesChild: true },
);

const spec = fc.record({
  replicas: fc.integer({ min: 1, max: 4 }),
  restart: fc.constantFrom('always', 'on-failure', 'never'),
  breaker: fc.record({
    failureThreshold: fc.integer({ min: 1, max: 4 }),
    openForMs: fc.constantFrom(2_000, 30_000, 300_000),
    classes: fc.constantFrom({}, { gpu: { failureThreshold: 2 } }),
  }),
  restartLimit: fc.record({ count: fc.constantFrom(null, 1, 3) }),
  storm: fc.record({ count: fc.constantFrom(null, 2, 5) }),
  backoff: fc.record({ delayMs: fc.constantFrom(0, 1_000) }),
  readyAfterMs: fc.constantFrom(1_000, 90_000),
});

type Step =
  | PoolCommand
  | { readonly do: 'pass' | 'away'; readonly forS: number }
  | { readonly do: 'crash'; readonly replica: number }
  | { readonly do: 'reboot' };

const replica = fc.option(fc.nat(3));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('pass' as const), forS: fc.constantFrom(0.1, 1, 5, 31, 65, 301) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), replica: fc.nat(3) }) },
  fc.record({ do: fc.constantFrom('start' as const, 'retry' as const), replica }),
  fc.record({ do: fc.constantFrom('stop' as const, 'restart' as const), replica, now: fc.constant(false) }),
  fc.record({ do: fc.constant('scale' as const), replicas: fc.nat(4) }),
  fc.record({ do: fc.constant('reset' as const), class: fc.constantFrom(null, 'gpu'), forget: fc.boolean() }),
  fc.record({ do: fc.constant('away' as const), forS: fc.constantFrom(0.5, 40) }),
  fc.record({ do: fc.constant('reboot' as const) }),
);

function taken(s: Script, one: Step): void {
  switch (one.do) {
    case 'pass':
      s.pass(one.forS);
      return;
    case 'crash':
      if (s.processes.some(({ ref, gone, exit }) => ref.replica === one.replica && !gone && exit === null)) s.crash(one.replica);
      return;
    case 'away':
      s.daemonDies().pass(one.forS).daemonStarts();
      return;
    case 'reboot':
      s.reboots();
      return;
    default:
      if (s.refused(one) === null) s.tell(one);
  }
}

function holds(s: Script): void {
  const view = s.view();
  expect(POOL_STATES).toContain(view.state);
  if (view.state !== 'running') expect(view.message, view.state).toBeTruthy();
  // Those that new leases can go to: no candidate, and nothing on its way out.
  const serving = view.engines.filter(({ role, state }) => role === 'serving' && state === 'ready');
  expect(view.slotsFree).toBe(serving.length);
  expect(view.ready).toBe(serving.length > 0);
  expect(view.live).toBe(view.engines.some(({ live }) => live));
  for (const engine of view.engines) {
    expect(ENGINE_STATES).toContain(engine.state);
    if (engine.state !== 'ready') expect([engine.reason, engine.message], JSON.stringify(engine)).not.toContain(null);
    expect(engine.message ?? '').not.toMatch(/NaN|Infinity|undefined|null/);
    expect(engine.live).toBe(['starting', 'ready', 'unready', 'stopping', 'stuck'].includes(engine.state));
  }
  expect(s.history.filter(({ failure }) => failure)).toHaveLength(view.crashCount);
}

/** By brute force, over the automatic restarts of this boot: `before` spawns were in others. */
function limitHolds(s: Script, change: SpecChange, before: number): void {
  const counted = s.spawns
    .slice(before)
    .filter(({ cause }) => cause === 'restart' || cause === 'recovery')
    .map(({ atS }) => atS);
  for (const from of counted)
    expect(counted.filter((atS) => atS >= from && atS < from + 59.999).length).toBeLessThanOrEqual(change.restartLimit?.count ?? 10);
}

it('every schedule keeps the state storable, the limit kept, the words true, and comes to rest', () => {
  const schedule = fc.record({
    change: spec,
    behaviours: fc.array(fc.array(behaviour, { maxLength: 6 }), { maxLength: 4 }),
    steps: fc.array(step, { maxLength: 40 }),
  });
  fc.assert(
    fc.property(schedule, ({ change, behaviours, steps }) => {
      const s = new Script(change);
      for (const [one, list] of behaviours.entries()) s.engine(one, ...list, serves);
      s.until(0);
      let before = 0;
      for (const one of steps) {
        if (one.do === 'reboot') before = s.spawns.length;
        taken(s, one);
        holds(s);
        limitHolds(s, change, before);
      }
      // Each engine serves in the end, when its bad starts are used up: nothing may be left waiting for what never comes.
      for (let tries = 0; tries < 8; tries += 1) {
        s.reset(null, true);
        s.pass(600);
      }
      holds(s);
      const { message, breaker, engines } = s.view();
      expect(breaker.state, message ?? '').toBe('closed');
      for (const engine of engines) expect(['ready', 'stopped'], engine.message ?? '').toContain(engine.state);
    }),
    { numRuns: 150 },
  );
});
