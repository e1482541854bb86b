import { describe, expect, it } from 'vitest';
import { dies, neverReady, notPreflown, notSpawned, serves } from './behaviour.ts';
import { LIVENESS, READINESS, STARTUP } from './pool-spec.ts';
import { Script } from './script.ts';

/** What a pool whose readiness answers nothing by itself is at, step by step. */
const asked = (startup: boolean, readiness: Partial<typeof READINESS> | null): Script =>
  new Script({ probes: { startup: startup ? STARTUP : null, readiness: readiness && { ...READINESS, ...readiness } } })
    .engine(0, neverReady)
    .until(0);

describe('a start', () => {
  it('goes over preflight, a place and the intent to the spawn, and gives each thing back once', () => {
    const s = new Script().until(2);
    expect(s.effects.map((effect) => effect.do).filter((name) => name !== 'emit')).toEqual([
      'preflight',
      'requestSpawn',
      'spawn',
      'releaseSpawn',
      'probe',
      'releaseDevice',
      'writeHandoff',
      'probe',
    ]);
    expect(s.places).toBe(0);
  });

  it('without a startup or readiness probe is ready when it has lived for readyAfter', () => {
    const s = new Script({ probes: { liveness: LIVENESS } }).until(0.999);
    expect(s.states()).toBe('starting');
    expect(s.view()).toMatchObject({ state: 'starting', live: true, ready: false, slotsFree: 0 });
    expect(s.until(1).view()).toMatchObject({ state: 'running', live: true, ready: true, slotsFree: 1, slotsTotal: 1 });
  });

  it('is not ready before its startup probe has answered, whatever readyAfter says', () => {
    const s = asked(true, null).until(50);
    expect(s.states()).toBe('starting');
    expect(s.probe(0, 'startup', false).states()).toBe('starting');
    expect(s.probe(0, 'startup', true).states()).toBe('ready');
  });

  it('is not ready by readiness alone while its startup probe has not answered', () => {
    const s = asked(true, {}).probe(0, 'readiness', true);
    expect(s.states()).toBe('starting');
    expect(s.probe(0, 'startup', true).states()).toBe('ready');
  });

  it('is not ready by startup alone while readiness has not answered', () => {
    const s = asked(true, {}).probe(0, 'startup', true);
    expect(s.states()).toBe('starting');
    expect(s.probe(0, 'readiness', true).states()).toBe('ready');
  });

  it('becomes ready only by successThreshold good answers in a row', () => {
    const s = asked(false, { successThreshold: 3 });
    for (const ok of [true, true, false, true, true]) expect(s.probe(0, 'readiness', ok).states()).toBe('starting');
    expect(s.probe(0, 'readiness', true).states()).toBe('ready');
  });

  it('that ran through a time in which the daemon was held up is asked once more before startTimeout ends it', () => {
    const late = new Script({ probes: { startup: STARTUP }, startTimeoutMs: 5_000 }).engine(0, { ...neverReady }).until(1);
    late.nowMs = 60_000;
    late.send({ type: 'tick' });
    expect(late.states()).toBe('starting');
    late.until(64.9);
    expect(late.states()).toBe('starting');
    late.until(65.2);
    expect(late.history[0]).toMatchObject({ class: 'start_timeout', uptimeMs: 65_100 });
  });

  it('is told to stop at startTimeout, counted from the spawn and not from the preflight', () => {
    const s = new Script({ probes: { startup: STARTUP }, startTimeoutMs: 10_000 }).engine(0, { ...neverReady, preflightS: 30 }).until(39.9);
    expect(s.states()).toBe('starting');
    s.until(40.2);
    expect(s.history[0]).toMatchObject({ class: 'start_timeout', failure: true, readyMs: null, uptimeMs: 10_100 });
    expect(s.viewOf(0)).toMatchObject({ state: 'backoff', failures: 1 });
  });

  it('takes its time until startTimeout however often the startup probe fails', () => {
    const s = new Script({ probes: { startup: STARTUP }, startTimeoutMs: 10_000 }).engine(0, neverReady).until(1);
    for (let n = 0; n < 18; n += 1) s.pass(0.4).probe(0, 'startup', false);
    expect(s.states()).toBe('starting');
    expect(s.probe(0, 'startup', true).states()).toBe('ready');
  });

  it('is not ended by liveness before it is ready', () => {
    const s = new Script({ probes: { startup: STARTUP, liveness: LIVENESS } }).engine(0, neverReady).until(1);
    for (let n = 0; n < 5; n += 1) s.probe(0, 'liveness', false);
    expect(s.states()).toBe('starting');
  });

  it('runs prepare once per pool and spec, and all engines wait for it', () => {
    const s = new Script({ replicas: 3, engine: { prepare: { command: ['fetch'], timeoutMs: 3_600_000 } } }).until(0.5);
    expect(s.viewOf(0)).toMatchObject({ state: 'starting', reason: 'preparing', message: 'prepare is running' });
    s.until(3).crash(0);
    s.until(5);
    expect(s.trace('prepare')).toEqual(['0s prepare']);
    expect(s.spawns.map(({ atS }) => atS)).toEqual([1, 1, 1, 4]);
  });

  it('whose prepare fails is a failure of all who waited, and prepare is run again for the next', () => {
    const s = new Script({ replicas: 2, engine: { prepare: { command: ['fetch'], timeoutMs: 3_600_000 } } })
      .prepares('no network', null)
      .until(10);
    expect(s.history.map(({ class: klass, message }) => [klass, message])).toEqual([
      ['prepare_failed', 'no network'],
      ['prepare_failed', 'no network'],
    ]);
    expect(s.trace('prepare')).toEqual(['0s prepare', '2s prepare']);
    expect(s.states()).toBe('ready ready');
  });

  it('carries the device of its replica and keeps its port over generations', () => {
    const s = new Script({ replicas: 2, engine: { devices: ['0,1', '2,3'], requireGpu: true } }).until(2).crash(1).until(5);
    expect(s.viewOf(1)).toMatchObject({ generation: 2, device: '2,3', url: 'http://127.0.0.1:20001' });
    expect(s.effects.filter((effect) => effect.do === 'requestSpawn').map((effect) => effect.device)).toEqual(['0,1', '2,3', '2,3']);
  });

  it('drops answers of an older generation', () => {
    const s = new Script({ probes: { startup: STARTUP, readiness: READINESS } }).engine(0, dies(0.2), neverReady).until(2);
    const old = { replica: 0, generation: 1 };
    const [{ identity } = neverSpawned()] = s.processes;
    const before = s.state;
    s.send({ type: 'probed', ...old, result: { kind: 'startup', ok: true, message: 'ok' } });
    s.send({ type: 'preflown', ...old, port: 9, device: null });
    s.send({ type: 'spawned', ...old, identity });
    s.send({ type: 'startFailed', ...old, class: 'spawn_failed', message: 'late' });
    s.send({ type: 'exited', ...old, exit: { code: 1, signal: null, atMs: 0, seen: 'event', spawnFailure: null } });
    s.send({ type: 'gone', ...old, evidence: { oomKilled: false, patternClass: null, matchedLine: null, lastLines: [] } });
    expect(s.state).toEqual(before);
    s.send({ type: 'spawnGranted', ...old });
    expect(s.state).toEqual(before);
    expect(s.effects.slice(-2)).toEqual([
      { do: 'releaseSpawn', ref: { pool: 'chat', ...old } },
      { do: 'releaseDevice', ref: { pool: 'chat', ...old } },
    ]);
  });
});

describe('a failed start', () => {
  it.each([
    ['spawn_failed at preflight', notPreflown('spawn_failed'), 'spawn_failed'],
    ['prepare_failed at preflight', notPreflown('prepare_failed'), 'prepare_failed'],
    ['spawn_failed at spawn', notSpawned('spawn_failed'), 'spawn_failed'],
    ['dead at once', dies(0.001), 'error'],
  ])('by %s counts, backs off, and gives its place back once', (_how, behaviour, klass) => {
    const s = new Script().engine(0, behaviour, serves).until(0.5);
    expect(s.history.map((entry) => [entry.class, entry.failure])).toEqual([[klass, true]]);
    expect(s.viewOf(0)).toMatchObject({ state: 'backoff', failures: 1, live: false, pid: null });
    expect(s.places).toBe(0);
    expect(s.until(5).states()).toBe('ready');
  });

  it('at exec, told by the launcher, is spawn_failed whatever the exit code', () => {
    const s = new Script().engine(0, serves).until(0.5).crash(0, { code: 127, spawnFailure: 'cannot run engine: not found' }).until(0.6);
    expect(s.history[0]).toMatchObject({ class: 'spawn_failed', message: 'cannot run engine: not found', failure: true });
  });

  it.each([
    ['port_busy', [0, 10, 30, 70, 130]],
    ['device_busy', [0, 10, 30, 70, 130]],
  ] as const)('by %s is asked again after 10 s, doubling to 60 s, and counts nothing', (klass, times) => {
    const s = new Script({ engine: { port: 8_000 } }).engine(0, notPreflown(klass)).until(130);
    expect(s.happenings.filter(({ type }) => type === 'engine.starting').map(({ atS }) => atS)).toEqual(times);
    expect(s.view()).toMatchObject({ crashCount: 0, restartCount: 0 });
    expect(s.viewOf(0)).toMatchObject({ state: 'backoff', reason: klass, failures: 0 });
    expect(s.history.every(({ failure }) => !failure)).toBe(true);
  });

  it('by port_busy with port auto goes to another port: at once the first time, and never in a hot loop', () => {
    const s = new Script().engine(0, notPreflown('port_busy'), notPreflown('port_busy'), notPreflown('port_busy'), serves).until(200);
    expect(s.happenings.filter(({ type }) => type === 'engine.starting').map(({ atS }) => atS)).toEqual([0, 0, 10, 30]);
    expect(s.effects.filter((effect) => effect.do === 'releasePort')).toHaveLength(3);
    expect(s.states()).toBe('ready');
  });

  it('that was blocked begins its waits anew once a process was there', () => {
    const blocked = notPreflown('port_busy');
    const s = new Script({ engine: { port: 8_000 } }).engine(0, blocked, blocked, dies(), blocked, serves).until(60);
    expect(s.happenings.filter(({ type }) => type === 'engine.starting').map(({ atS }) => atS)).toEqual([0, 10, 30, 31.2, 41.2]);
  });

  it('by the daemon’s own lack backs off, counts nothing and says so', () => {
    const s = new Script({ restart: 'never' })
      .engine(0, notSpawned('starved'), notSpawned('starved'), notSpawned('starved'), serves)
      .until(20);
    expect(s.trace('daemon.starved', 'engine.backoff')).toEqual([
      '0s daemon.starved chat/0',
      '0s engine.backoff chat/0 starved 1s',
      '1s daemon.starved chat/0',
      '1s engine.backoff chat/0 starved 2s',
      '3s daemon.starved chat/0',
      '3s engine.backoff chat/0 starved 4s',
    ]);
    expect(s.view()).toMatchObject({ state: 'running', crashCount: 0, restartCount: 0 });
  });

  it('is counted by the limiter once, though the spawn of that restart is asked for again', () => {
    const s = new Script().engine(0, dies(5), notSpawned('starved'), serves).until(20);
    expect(s.spawnedAt(0)).toEqual([0, 6, 7]);
    expect(s.view().restartCount).toBe(1);
  });
});

function neverSpawned(): never {
  throw new Error('cannot go on: nothing was spawned');
}
