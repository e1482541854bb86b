/** Random commands, crashes, leases and deaths of the daemon while pools are reloaded: invariants of every step, and what is left in the end. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { livePhase } from '../../src/engine/engine-state.ts';
import { allEngines, currentSpec } from '../../src/pool/turn.ts';
import type { Behaviour } from '../pool/behaviour.ts';
import { dies, ignoresTerm, neverReady, notPreflown, notSpawned, serves } from '../pool/behaviour.ts';
import type { SpecChange } from '../pool/pool-spec.ts';
import { READINESS } from '../pool/pool-spec.ts';
import { Reloads } from './reloads.ts';

const replica = fc.nat({ max: 2 });
const holder = fc.constantFrom('ann', 'bob', 'cyd', 'dan');
const version = fc.constantFrom('v1', 'v2', 'v3');
const strategy = fc.constantFrom(null, 'rolling' as const, 'recreate' as const, 'blue-green' as const);

const change: fc.Arbitrary<SpecChange> = fc.record({
  replicas: fc.integer({ min: 1, max: 3 }),
  slots: fc.constantFrom(1, 2),
  engine: fc.constantFrom(
    {},
    {},
    { devices: ['0', '1', '2'] },
    { prepare: { command: ['fetch'], timeoutMs: 60_000 } },
    { port: [8_000, 8_003] as const },
  ),
  probes: fc.constantFrom({}, { readiness: READINESS }),
  reload: fc.constantFrom(
    { soakMs: 2_000 },
    { soakMs: 0, maxSurge: 2 },
    { soakMs: 2_000, maxSurge: 0, maxUnavailable: 1 },
    { maxSurge: 1, maxUnavailable: 1 },
  ),
  drain: fc.constantFrom({ deadlineMs: 4_000 }, { deadlineMs: 30_000 }),
  startTimeoutMs: fc.constant(6_000),
  breaker: fc.constantFrom({ failureThreshold: 5 }, { failureThreshold: 1, openForMs: 3_000 }),
});

const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(serves) },
  fc.constantFrom(dies(0.2), dies(1.5), dies(4), dies(20), neverReady, ignoresTerm, notSpawned('spawn_failed'), notPreflown('port_busy')),
  fc.constantFrom<Behaviour>(
    { ...serves, spawnS: 1 },
    { ...serves, preflightS: 2 },
    { ...serves, leavesChild: true },
    { ...serves, unkillable: true, termS: Number.POSITIVE_INFINITY },
  ),
);

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('pass' as const), forS: fc.constantFrom(0.05, 0.5, 1, 3, 12, 40) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('reload' as const),
      words: fc.record({ version, strategy, same: fc.boolean(), cutLeases: fc.boolean(), deadlineMs: fc.constantFrom(null, 1_000) }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lease' as const), holder }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), holder }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), nth: fc.nat({ max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('away' as const), forS: fc.constantFrom(0, 0.5, 20) }) },
  fc.record({ do: fc.constant('unready' as const), nth: fc.nat({ max: 5 }), ok: fc.boolean() }),
  fc.record({ do: fc.constant('cancel' as const) }),
  fc.record({ do: fc.constant('restart' as const), replica: fc.option(replica), now: fc.boolean() }),
  fc.record({ do: fc.constantFrom('stop' as const), replica: fc.option(replica), now: fc.boolean() }),
  fc.record({ do: fc.constantFrom('start' as const, 'retry' as const, 'pause' as const, 'resume' as const), replica: fc.option(replica) }),
  fc.record({
    do: fc.constant('drain' as const),
    replica: fc.option(replica),
    deadlineMs: fc.constantFrom(null, 2_000),
    extend: fc.constant(false),
  }),
  fc.record({ do: fc.constant('scale' as const), replicas: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant('shutdown' as const), forS: fc.constantFrom(0.5, 6) }),
  fc.record({ do: fc.constant('reboot' as const) }),
  fc.record({ do: fc.constant('file' as const), slots: fc.constantFrom(1, 2) }),
);

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

function taken(s: Reloads, one: Step, file: { spec: SpecChange; specId: string }): void {
  switch (one.do) {
    case 'pass':
      s.pass(one.forS);
      return;
    case 'reload': {
      const command = { do: 'reload', vars: {}, admin: true, ...one.words } as const;
      if (s.refused(command) === null) s.tell(command);
      return;
    }
    case 'lease':
      s.lease(one.holder);
      return;
    case 'release':
      s.release(one.holder);
      return;
    case 'crash': {
      const living = s.processes.filter(({ gone, exit }) => !gone && exit === null);
      const hit = living[one.nth];
      if (hit !== undefined) s.crash(hit.ref.replica, { signal: 'SIGKILL' }, hit.ref.generation);
      return;
    }
    case 'unready': {
      const hit = allEngines(s.state)[one.nth];
      if (hit !== undefined) for (let tries = 0; tries < 3; tries += 1) s.ready(hit.replica, hit.generation, one.ok);
      return;
    }
    case 'cancel': {
      const [operation] = s.state.operations.filter(({ kind }) => kind === 'reload' || kind === 'restart' || kind === 'drain');
      if (operation !== undefined) s.cancel(operation.id);
      return;
    }
    case 'away':
      s.daemonDies().pass(one.forS).daemonStarts(file);
      return;
    case 'shutdown':
      s.send({ type: 'shutdown' }).pass(one.forS).daemonDies().daemonStarts(file);
      return;
    case 'reboot':
      s.reboots();
      return;
    case 'file':
      file.spec = { ...file.spec, slots: one.slots };
      file.specId = `file ${one.slots}`;
      s.daemonDies().pass(0.1).daemonStarts(file);
      return;
    default:
      if (s.refused(one) === null) s.tell(one);
  }
}

function holds(s: Reloads): void {
  const { state } = s;
  const view = s.view();
  const numbers = allEngines(state).map(({ replica: at, generation }) => `${at}#${generation}`);
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const engine of state.others) expect(engine.role).not.toBe('serving');
  expect(view.activeLeases).toBe(allEngines(state).flatMap(({ seats }) => seats.filter((lease) => lease !== null)).length);
  if (view.state !== 'running') expect(view.message, view.state).toBeTruthy();
  for (const { message } of view.engines) expect(message ?? '').not.toMatch(/NaN|Infinity|undefined/);
  // Nobody waits beside a slot that is free.
  if (state.tickets.length > 0 && state.paused === null) expect(view.slotsFree).toBe(0);
  // Nobody is refused because of a reload.
  const refused = s.happenings.filter(({ type, facts }) => type === 'ticket.refused' && facts.reason === 'no_ready_engine');
  expect(refused).toEqual([]);
  if (state.rollout === null) {
    expect(state.others.every(({ phase, role }) => phase.is === 'stuck' || role === 'retiring')).toBe(true);
    expect(state.engines.every(({ specId }) => specId === null)).toBe(true);
  } else expect(state.operations.some(({ id }) => id === state.rollout?.operationId)).toBe(true);
}

/** All is well with the world from here on, and everybody has gone home. */
function calmed(s: Reloads): void {
  for (const name of ['v1', 'v2', 'v3']) s.version(name, serves);
  for (const name of ['ann', 'bob', 'cyd', 'dan']) s.release(name);
  for (let tries = 0; tries < 10; tries += 1) {
    for (const engine of allEngines(s.state)) if (engine.phase.is === 'unready') s.ready(engine.replica, engine.generation, true);
    s.pass(400);
    for (const name of ['ann', 'bob', 'cyd', 'dan']) s.release(name);
    for (const { phase, replica: at, generation } of allEngines(s.state)) if (phase.is === 'stuck') s.vanish(at, generation);
    if (s.state.operations.length === 0) s.reset();
  }
}

it('every schedule ends in one spec, with nothing left over', () => {
  const schedule = fc.record({
    change,
    v2: fc.array(behaviour, { maxLength: 5 }),
    v1: fc.array(behaviour, { maxLength: 3 }),
    steps: fc.array(step, { maxLength: 30 }),
  });
  fc.assert(
    fc.property(schedule, ({ change: spec, v1, v2, steps }) => {
      const s = new Reloads(spec).until(8);
      s.version('v1', ...v1, serves).version('v2', ...v2, serves);
      const file = { spec, specId: 'a' };
      let filed = false;
      for (const one of steps) {
        filed ||= one.do === 'file';
        taken(s, one, file);
        holds(s);
      }
      calmed(s);
      holds(s);
      expect(s.leftovers(), s.generations()).toEqual([]);
      if (s.view().breaker.state !== 'closed') throw new Error(`the breaker is ${s.view().breaker.state}`);
      const behind = s.state.engines.filter((engine) => (livePhase(engine)?.run.specId ?? s.state.specId) !== s.state.specId);
      // A way back that found no old engine to go back to leaves the new one, and says so.
      const told = s.happenings.flatMap(({ type, facts }) => (type === 'reload.finished' ? String(facts.message) : []));
      const untold = behind.filter(
        ({ replica: at }) => !told.some((message) => message.includes(` on the way back ${s.state.name}/${at} `)),
      );
      if (!filed) expect(untold, s.generations()).toEqual([]);
      for (const engine of s.view().engines) expect(['ready', 'stopped'], `${engine.id} ${engine.message}`).toContain(engine.state);
      expect(currentSpec(s.state).engine.version).toBeTruthy();
    }),
    { numRuns: Number(process.env.RUNS ?? 300) },
  );
}, 120_000);

/** Which replicas a reload has renewed, and which of those have failed by themselves since. */
function noted(s: Reloads, renewed: Set<number>, fell: Set<number>): void {
  for (const { replica: at, phase, specId } of s.state.engines) {
    if (phase.is === 'ready') fell.delete(at);
    else if (renewed.has(at) && (phase.is === 'backoff' || phase.is === 'failed')) fell.add(at);
    if (specId !== null) renewed.add(at);
  }
}

/** Only new engines fail, and nobody but them: then whatever is missing is missing because of the reload. */
it('a reload, however it ends, never takes more engines away than it may', () => {
  const schedule = fc.record({
    replicas: fc.integer({ min: 1, max: 4 }),
    maxSurge: fc.integer({ min: 0, max: 3 }),
    maxUnavailable: fc.integer({ min: 0, max: 2 }),
    devices: fc.boolean(),
    asked: fc.constantFrom('rolling' as const, 'blue-green' as const),
    v2: fc.array(behaviour, { minLength: 1, maxLength: 5 }),
    cancelAtS: fc.option(fc.integer({ min: 5, max: 60 })),
    diesAtS: fc.option(fc.integer({ min: 5, max: 60 })),
    held: fc.boolean(),
  });
  fc.assert(
    fc.property(schedule, ({ replicas, maxSurge, maxUnavailable, devices, asked, v2, cancelAtS, diesAtS, held }) => {
      const engine = devices ? { devices: ['0', '1', '2', '3'] } : {};
      const s = new Reloads({ replicas, engine, reload: { soakMs: 2_000, maxSurge, maxUnavailable }, startTimeoutMs: 6_000 }).until(5);
      s.version('v1', serves).version('v2', ...v2);
      if (held) s.lease('ann');
      const id = s.reload({ strategy: devices ? 'rolling' : asked, deadlineMs: 8_000 });
      const { rollout } = s.state;
      const least = replicas - (rollout?.maxUnavailable ?? 0);
      // What serves by the new spec fails by itself, and the way back takes no blame for the time until it is there again.
      const renewed = new Set<number>();
      const fell = new Set<number>();
      for (let atS = 5; atS < 200 && s.outcome(id) === 'running'; atS += 0.25) {
        s.until(atS);
        noted(s, renewed, fell);
        if (atS === cancelAtS) s.cancel(id);
        if (atS === diesAtS) s.daemonDies().daemonStarts();
        // After the commit failures are ordinary.
        const bound = s.state.rollout === null || s.state.rollout.step === 'committed' ? 0 : least;
        expect(s.readyCount + fell.size, `${atS}: ${s.generations()}`).toBeGreaterThanOrEqual(bound);
      }
      expect(s.outcome(id)).not.toBe('running');
    }),
    { numRuns: Number(process.env.RUNS ?? 300) },
  );
}, 120_000);
