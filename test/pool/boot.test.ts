import { describe, expect, it } from 'vitest';
import type { EngineState } from '../../src/engine/engine-state.ts';
import { dies, ignoresTerm, serves } from './behaviour.ts';
import { READINESS, STARTUP } from './pool-spec.ts';
import { Script } from './script.ts';

describe('an engine whose daemon died', () => {
  it('is adopted as it was: ready, with its handoff file and its probes', () => {
    const s = new Script({ replicas: 2 }).until(5).daemonDies().until(60);
    const before = s.effects.length;
    s.daemonStarts().until(100);
    expect(s.states()).toBe('ready ready');
    expect(s.spawns).toHaveLength(2);
    expect(s.effects.slice(before).map((effect) => effect.do)).toEqual(['writeHandoff', 'probe', 'writeHandoff', 'probe']);
    expect(s.view()).toMatchObject({ state: 'running', crashCount: 0, restartCount: 0 });
  });

  it('goes on starting where it was', () => {
    const s = new Script({ probes: { startup: STARTUP } })
      .engine(0, { ...serves, readyS: 40 })
      .until(5)
      .daemonDies()
      .until(20)
      .daemonStarts();
    expect(s.viewOf(0)).toMatchObject({ state: 'starting', reason: 'probing' });
    expect(s.until(100).states()).toBe('ready');
    expect(s.spawns).toHaveLength(1);
  });

  it('and that ended meanwhile ends by the code its launcher kept', () => {
    const s = new Script()
      .engine(0, dies(30, { code: 3 }), serves)
      .until(5)
      .daemonDies()
      .until(60)
      .daemonStarts()
      .until(60);
    expect(s.history).toMatchObject([{ class: 'error', code: 3, at: '2026-11-20T10:00:30.000Z', uptimeMs: 30_000, failure: true }]);
    expect(s.happenings.find(({ type }) => type === 'engine.exited')?.facts.seen).toBe('adoption');
    expect(s.until(65).spawnedAt(0)).toEqual([0, 61]);
  });

  it('is told to stop again when it had been', () => {
    const s = new Script().engine(0, ignoresTerm).until(5);
    const id = s.stop();
    s.until(6).daemonDies().until(7).daemonStarts();
    s.until(20);
    expect(s.outcome(id)).toBe('forced');
    // Nobody knows whether TERM was sent before the daemon died: it has its whole grace again.
    expect(s.trace('terminate', 'kill')).toEqual(['5s terminate chat/0', '7s terminate chat/0', '12s kill chat/0']);
  });

  it('between its intent and its pid is adopted by its record', () => {
    const s = new Script()
      .engine(0, { ...serves, spawnS: 3 })
      .until(1)
      .daemonDies()
      .until(10)
      .daemonStarts();
    expect(s.viewOf(0)).toMatchObject({ state: 'starting', pid: 101 });
    expect(s.until(20).states()).toBe('ready');
    expect(s.spawns).toHaveLength(1);
  });

  it('that was told to stop before its pid was known is stopped when it is adopted, though it is wanted again', () => {
    const s = new Script().engine(0, { ...serves, spawnS: 3 }).until(1);
    s.stop();
    s.start();
    s.daemonDies().until(10).daemonStarts().until(20);
    expect(s.history.map(({ class: klass }) => klass)).toEqual(['requested']);
    expect(s.spawns).toHaveLength(2);
  });

  it('whose start had not come to its intent is started anew, under a new generation', () => {
    const s = new Script()
      .engine(0, { ...serves, preflightS: 5 }, serves)
      .until(1)
      .daemonDies()
      .until(10)
      .daemonStarts()
      .until(20);
    expect(s.spawns).toEqual([{ atS: 10, replica: 0, generation: 2, cause: 'first' }]);
  });

  it('that cannot be proved to be ours is left alone: stuck, and nothing beside it, until a person lets go', () => {
    const s = new Script().until(5).daemonDies().until(10);
    s.state = { ...s.state, restoring: true };
    s.send({ type: 'unproven', replica: 0, generation: 1 });
    const before = s.effects.length;
    s.fileRead();
    s.until(100);
    expect(s.viewOf(0)).toMatchObject({ state: 'stuck', reason: 'unproven', live: true });
    expect(s.effects.slice(before).filter((effect) => effect.do !== 'emit')).toEqual([]);
    s.reset(null, true);
    s.vanish(0);
    expect(s.until(110).states()).toBe('ready');
  });

  it('that was loading while nobody could ask it gets the time to show that it is ready', () => {
    const s = new Script({ startTimeoutMs: 60_000, probes: { startup: STARTUP } }).engine(0, { readyS: 5 }).until(3);
    s.daemonDies().until(200).daemonStarts();
    expect(s.viewOf(0)).toMatchObject({ state: 'starting', generation: 1 });
    expect(s.until(209).states()).toBe('ready');
    expect(s.history).toEqual([]);
  });

  it('that shows nothing in that time is ended by its start timeout', () => {
    const s = new Script({ startTimeoutMs: 60_000, probes: { startup: STARTUP } }).engine(0, { readyS: 1_000 }).until(10);
    s.daemonDies().until(200).daemonStarts().until(209);
    expect(s.viewOf(0)).toMatchObject({ state: 'starting', generation: 1 });
    s.until(216);
    expect(s.history.map(({ class: klass }) => klass)).toEqual(['start_timeout']);
  });

  it('is not judged before all are found: no success for one that had died', () => {
    const s = new Script({ replicas: 2 })
      .engine(0, serves)
      .engine(1, dies(1.2), dies(5), serves)
      .until(5)
      .daemonDies()
      .until(500)
      .daemonStarts();
    expect(s.trace('breaker.closed')).toEqual([]);
    expect(s.until(500).viewOf(1)).toMatchObject({ failures: 2 });
  });
});

describe('the file’s word at the start of the daemon', () => {
  it('acts at the next start of each engine: what runs goes on by its own spec, and says so', () => {
    const s = new Script({ replicas: 2 })
      .until(5)
      .daemonDies()
      .daemonStarts({ spec: { replicas: 2, engine: { version: 'v2' } }, specId: 'b' })
      .until(10);
    expect(s.view().engineVersion).toBe('v2');
    expect(s.view().engines).toMatchObject([
      { version: 'v1', outdated: true },
      { version: 'v1', outdated: true },
    ]);
    s.crash(0).until(20);
    expect(s.view().engines).toMatchObject([
      { version: 'v2', outdated: false },
      { version: 'v1', outdated: true },
    ]);
    expect(Object.keys(s.state.specs)).toEqual(['a', 'b']);
    s.crash(1).until(30);
    expect(Object.keys(s.state.specs)).toEqual(['b']);
  });

  it('stops surplus replicas and starts new ones', () => {
    const s = new Script({ replicas: 3 })
      .until(5)
      .daemonDies()
      .daemonStarts({ spec: { replicas: 1 }, specId: 'b' })
      .until(10);
    expect(s.states()).toBe('ready');
    s.daemonDies()
      .daemonStarts({ spec: { replicas: 2 }, specId: 'c' })
      .until(20);
    expect(s.states()).toBe('ready ready');
  });

  it('leaves a pool running that is gone from it, as orphaned, and takes it back', () => {
    const s = new Script().engine(0, serves, serves).until(5).daemonDies().daemonStarts({ spec: null, specId: 'a' }).until(10);
    expect(s.view()).toMatchObject({ orphaned: true, state: 'running' });
    s.crash(0).until(20);
    expect(s.states()).toBe('ready');
    s.daemonDies().daemonStarts({ spec: {}, specId: 'a' });
    expect(s.view().orphaned).toBe(false);
  });

  it('keeps overrides whose key it has not changed, and drops the others', () => {
    const stopped = new Script({ replicas: 2 }).until(5);
    stopped.scale(4);
    stopped.stop();
    stopped
      .until(10)
      .daemonDies()
      .daemonStarts({ spec: { replicas: 2, slots: 9 }, specId: 'b' })
      .until(20);
    expect(stopped.view()).toMatchObject({
      state: 'stopped',
      replicas: 4,
      overrides: [{ key: 'wanted' }, { key: 'replicas', value: 4, fileValue: 2 }],
    });
    stopped.daemonDies().daemonStarts({ spec: { replicas: 3, autostart: false }, specId: 'c' });
    expect(stopped.view()).toMatchObject({ state: 'stopped', reason: 'autostart_off', replicas: 3, overrides: [] });
    stopped
      .daemonDies()
      .daemonStarts({ spec: { replicas: 3 }, specId: 'd' })
      .until(30);
    expect(stopped.states()).toBe('ready ready ready');
  });
});

describe('another boot', () => {
  it('starts what was wanted, counts nothing, and gives new generations', () => {
    const s = new Script({ replicas: 2, restart: 'never' }).until(5).reboots().until(10);
    expect(s.view()).toMatchObject({ state: 'running', crashCount: 0, restartCount: 0 });
    expect(s.view().engines.map(({ generation }) => generation)).toEqual([2, 2]);
  });

  it('leaves a pool stopped that a person stopped, with who, when and why (sequence 26)', () => {
    const s = new Script().until(5);
    s.stop();
    s.until(10).reboots().until(20);
    expect(s.view()).toMatchObject({ state: 'stopped', reason: 'stopped_by_hand', message: 'stopped by ann at 2026-11-20T10:00:05.000Z' });
  });

  it('clears back-off and the limiter’s window, whose times mean nothing any more', () => {
    const s = new Script({ breaker: { failureThreshold: 100 }, restartLimit: { count: 5 } }).engine(0, dies(0)).until(40);
    expect(s.viewOf(0)).toMatchObject({ state: 'backoff' });
    s.reboots().until(40);
    expect(s.spawnedAt(0).at(-1)).toBe(40);
    expect(s.happenings.findLast(({ type }) => type === 'engine.backoff')?.facts.delayMs).toBe(1_000);
  });
});

it('readiness counts go on over a restart of the daemon', () => {
  const s = new Script({ probes: { readiness: READINESS } })
    .until(5)
    .probe(0, 'readiness', false)
    .probe(0, 'readiness', false)
    .daemonDies()
    .until(6)
    .daemonStarts();
  expect(s.states()).toBe('ready');
  expect(s.probe(0, 'readiness', false).states()).toBe('unready');
});

it('what was told to end, and could not be proved to be ours for a while, has its whole grace again before KILL', () => {
  const s = new Script({ stop: { timeoutMs: 10_000 } }).engine(0, ignoresTerm).until(5);
  s.stop();
  s.daemonDies();
  // What the daemon between has made of it, before its main process ended.
  const unproven = (engine: EngineState): EngineState =>
    'run' in engine.phase ? { ...engine, phase: { is: 'stuck', why: 'unproven', run: engine.phase.run } } : engine;
  s.state = { ...s.state, engines: s.state.engines.map(unproven) };
  const process = s.processes[0] ?? neverSpawned();
  process.exit = { code: 143, signal: null, atMs: 0, seen: 'event', spawnFailure: null };
  const before = s.effects.length;
  s.daemonStarts();
  const told = (): string[] =>
    s.effects
      .slice(before)
      .map((effect) => effect.do)
      .filter((what) => what === 'terminateRest' || what === 'kill');
  expect(told()).toEqual(['terminateRest']);
  s.until(14.9);
  expect(told()).toEqual(['terminateRest']);
  s.until(15.1);
  expect(told()).toEqual(['terminateRest', 'kill']);
});

function neverSpawned(): never {
  throw new Error('cannot go on: nothing was spawned');
}
