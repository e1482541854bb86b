import { describe, expect, it } from 'vitest';
import type { EngineState } from '../../src/engine/engine-state.ts';
import type { ProbeResult } from '../../src/engine/samples-state.ts';
import { next } from '../../src/pool/pool-next-state.ts';
import { neverReady, serves } from './behaviour.ts';
import { IN_USE, LIVENESS, PROGRESS, READINESS } from './pool-spec.ts';
import { Script } from './script.ts';

const ready = (probes: ConstructorParameters<typeof Script>[0] & object): Script => new Script(probes).engine(0, serves).until(5);

describe('readiness', () => {
  const s = (): Script => ready({ probes: { readiness: { ...READINESS, successThreshold: 2 } } });

  it('makes unready by failureThreshold bad answers in a row, and no fewer', () => {
    const script = s();
    for (const ok of [false, false, true, false, false]) expect(script.probe(0, 'readiness', ok).states()).toBe('ready');
    expect(script.probe(0, 'readiness', false).states()).toBe('unready');
    expect(script.viewOf(0)).toMatchObject({
      live: true,
      ready: false,
      reason: 'readiness',
      message: 'its readiness probe fails; last probe: no answer from readiness',
    });
    expect(script.view()).toMatchObject({ state: 'degraded', ready: false, live: true, slotsFree: 0 });
  });

  it('makes ready again by successThreshold good ones in a row', () => {
    const script = s();
    for (let n = 0; n < 3; n += 1) script.probe(0, 'readiness', false);
    for (const ok of [true, false, true]) expect(script.probe(0, 'readiness', ok).states()).toBe('unready');
    expect(script.probe(0, 'readiness', true).states()).toBe('ready');
    expect(script.spawns).toHaveLength(1);
  });

  it('breaks what counts as stable: success is counted from becoming ready again', () => {
    const script = ready({ probes: { readiness: { ...READINESS, failureThreshold: 1 } }, breaker: { successAfterMs: 60_000 } });
    script.crash(0).until(50);
    script.probe(0, 'readiness', false).probe(0, 'readiness', true);
    expect(script.until(109.9).viewOf(0).failures).toBe(1);
    expect(script.until(110).viewOf(0).failures).toBe(0);
  });
});

describe('liveness', () => {
  it('ends the engine by failureThreshold bad answers in a row, with the reason written before the signal', () => {
    const s = ready({ probes: { liveness: LIVENESS } });
    for (const ok of [false, false, true, false, false]) expect(s.probe(0, 'liveness', ok).states()).toBe('ready');
    s.probe(0, 'liveness', false);
    expect(s.viewOf(0)).toMatchObject({ state: 'stopping', reason: 'unhealthy', message: 'KILL in 5s' });
    s.until(5.2);
    // It answered TERM with exit code 0, and is unhealthy all the same.
    expect(s.history[0]).toMatchObject({
      class: 'unhealthy',
      code: 0,
      failure: true,
      message: 'killed because its liveness probe failed: no answer from liveness',
    });
    expect(s.until(8).states()).toBe('ready');
  });

  it('under restart never leaves it failed', () => {
    const s = ready({ probes: { liveness: LIVENESS }, restart: 'never' });
    for (let n = 0; n < 3; n += 1) s.probe(0, 'liveness', false);
    expect(s.until(1_000).states()).toBe('failed');
    expect(s.view().state).toBe('failed');
  });

  it('starts from nothing in the next generation', () => {
    const s = ready({ probes: { liveness: LIVENESS } })
      .probe(0, 'liveness', false)
      .probe(0, 'liveness', false)
      .crash(0)
      .until(20);
    expect(s.probe(0, 'liveness', false).probe(0, 'liveness', false).states()).toBe('ready');
  });
});

describe('progress', () => {
  const s = (): Script => ready({ probes: { liveness: LIVENESS, progress: PROGRESS } });
  const busyAt = (script: Script, counter: number): Script => script.probe(0, 'progress', true, { busy: 1, counter });

  it('makes unready when a busy engine has not moved for stall, and unhealthy at twice that', () => {
    const script = busyAt(s(), 7);
    expect(busyAt(script.until(94.9), 7).states()).toBe('ready');
    expect(busyAt(script.until(95), 7).states()).toBe('unready');
    expect(script.viewOf(0)).toMatchObject({ reason: 'stalled', message: 'stalled for 1m30s: busy, but its work counter has stood at 7' });
    expect(busyAt(script.until(184.9), 7).states()).toBe('unready');
    expect(busyAt(script.until(185), 7).states()).toBe('stopping');
    expect(script.until(186).history[0]).toMatchObject({
      class: 'unhealthy',
      message: 'killed because it stalled: busy, but its work counter has stood at 7',
    });
  });

  it('lets work, or the end of work, end the stall', () => {
    const worked = busyAt(busyAt(busyAt(s(), 7).until(95), 7), 8);
    expect(worked.states()).toBe('ready');
    const idle = busyAt(busyAt(s(), 7).until(95), 7).probe(0, 'progress', true, { busy: 0, counter: 7 });
    expect(idle.states()).toBe('ready');
    expect(busyAt(busyAt(idle.until(100), 7).until(180), 7).states()).toBe('ready');
  });

  it('does not take an idle engine for stalled', () => {
    const script = s();
    for (let atS = 10; atS < 400; atS += 10) script.until(atS).probe(0, 'progress', true, { busy: 0, counter: 7 });
    expect(script.states()).toBe('ready');
  });

  it('does not take no answer for a stall, nor for more of one', () => {
    const script = busyAt(s(), 7);
    expect(script.until(300).probe(0, 'progress', false).states()).toBe('ready');
    expect(busyAt(script, 7).states()).toBe('stopping');
    const stalled = busyAt(busyAt(s(), 7).until(95), 7);
    expect(stalled.until(300).probe(0, 'progress', false).probe(0, 'liveness', true).states()).toBe('unready');
  });

  it('makes liveness lenient while the engine is busy and gets work done', () => {
    const script = busyAt(s(), 7);
    for (let n = 1; n < 30; n += 1) busyAt(script.pass(10).probe(0, 'liveness', false), 7 + n);
    expect(script.states()).toBe('ready');
    script.probe(0, 'progress', true, { busy: 0, counter: 99 });
    for (let n = 0; n < 3; n += 1) script.probe(0, 'liveness', false);
    expect(script.states()).toBe('stopping');
  });

  it('is lenient no longer than stall to a busy engine that answers nothing at all', () => {
    const script = busyAt(s(), 7);
    for (let atS = 10; atS <= 200 && script.states() === 'ready'; atS += 10)
      script.until(atS).probe(0, 'liveness', false).probe(0, 'progress', false);
    expect(script.states()).toBe('stopping');
    expect(script.nowMs).toBe(120_000);
  });
});

describe('inUse', () => {
  const s = (more: Parameters<typeof ready>[0] = {}): Script => ready({ inUse: IN_USE, probes: { liveness: LIVENESS }, ...more });
  const users = (script: Script, busy: number): Script => script.probe(0, 'inUse', true, { busy });
  const silence = (script: Script): Script => script.probe(0, 'inUse', false);

  it('shows the last answer, until three questions in a row had none', () => {
    const script = s();
    expect(script.viewOf(0).inUse).toBeNull();
    expect(users(script, 2).viewOf(0).inUse).toBe(2);
    expect(users(script, 0).viewOf(0).inUse).toBe(0);
    users(script, 3);
    expect(silence(silence(script)).viewOf(0).inUse).toBe(3);
    expect(silence(silence(users(script, 3))).viewOf(0).inUse).toBe(3);
    expect(silence(script).viewOf(0).inUse).toBeNull();
    expect(users(script, 1).viewOf(0).inUse).toBe(1);
  });

  it('changes no health, whatever it says or does not say', () => {
    const script = users(s(), 7);
    for (let n = 0; n < 50; n += 1) silence(script.pass(2));
    expect(script.states()).toBe('ready');
    expect(script.viewOf(0)).toMatchObject({ reason: null, message: null });
  });

  it('changes nothing by an answer that says the same, so that nothing is stored', () => {
    const about = { type: 'probed', replica: 0, generation: 1 } as const;
    const env = { nowMs: 9_000, wallMs: 0, random: () => 0.5 };
    const changed = (script: Script, result: ProbeResult): EngineState | undefined =>
      next(script.state, { ...about, result }, env)[0].engines[0];
    const used = users(s(), 2);
    expect(changed(used, { kind: 'inUse', ok: true, message: 'ok', busy: 2 })).toBe(used.state.engines[0]);
    const silent = silence(silence(silence(s())));
    expect(changed(silent, { kind: 'inUse', ok: false, message: 'no' })).toBe(silent.state.engines[0]);
  });

  it('is not shown of an engine that does not serve', () => {
    const script = users(s(), 2);
    script.tell({ do: 'stop', replica: 0, now: true });
    expect(script.viewOf(0)).toMatchObject({ state: 'stopping', inUse: null });
    const next = users(s(), 2).crash(0).until(20);
    expect(next.viewOf(0)).toMatchObject({ state: 'ready', generation: 2, inUse: null });
  });

  it('of an adopted engine is unknown until it has answered again', () => {
    const script = users(s(), 0).daemonDies();
    expect(script.pass(60).daemonStarts().viewOf(0)).toMatchObject({ state: 'ready', inUse: null });
    expect(users(script, 4).viewOf(0).inUse).toBe(4);
  });

  /** A liveness failure every 10 s, with the engine saying each time how many use it; when it was ended. */
  const failsUntil = (script: Script, busy: (atS: number) => number | null): number => {
    for (let atS = 10; script.states() === 'ready'; atS += 10) {
      const count = busy(atS);
      script.until(atS);
      if (count === null) silence(silence(silence(script)));
      else users(script, count);
      script.probe(0, 'liveness', false);
    }
    return script.nowMs / 1_000;
  };

  it('makes liveness lenient with an engine in use, for 90 s from the first failure', () => {
    expect(failsUntil(s(), () => 1)).toBe(120);
    expect(failsUntil(s(), () => 0)).toBe(30);
    expect(failsUntil(s(), () => null)).toBe(30);
    expect(failsUntil(s(), (atS) => (atS < 40 ? 1 : null))).toBe(60);
  });

  it('is lenient no longer than stall where there is a progress probe', () => {
    expect(failsUntil(s({ probes: { liveness: LIVENESS, progress: { ...PROGRESS, stallMs: 40_000 } } }), () => 1)).toBe(70);
  });

  it('begins the 90 s anew with each good answer, and not with each failure', () => {
    const script = users(s(), 1);
    for (let atS = 10; atS < 900; atS += 10) script.until(atS).probe(0, 'liveness', atS % 80 === 0);
    expect(script.states()).toBe('ready');
  });

  it('is not lenient with an engine whose work is known to stand', () => {
    const script = users(s({ probes: { liveness: { ...LIVENESS, failureThreshold: 1 }, progress: PROGRESS } }), 1);
    script.probe(0, 'progress', true, { busy: 1, counter: 7 }).until(95).probe(0, 'progress', true, { busy: 1, counter: 7 });
    expect(script.states()).toBe('unready');
    expect(script.probe(0, 'liveness', false).states()).toBe('stopping');
  });
});

it('an answer that says what is known decides nothing that is due by time: a tick does', () => {
  const script = ready({ probes: { readiness: READINESS, liveness: LIVENESS } });
  const env = { nowMs: 3_600_000, wallMs: 0, random: () => 0.5 };
  const about = { replica: 0, generation: 1 } as const;
  for (const kind of ['readiness', 'liveness'] as const) {
    const result = { kind, ok: true, message: 'answered 200' };
    expect(next(script.state, { type: 'probed', ...about, result }, env)).toEqual([script.state, []]);
  }
  expect(next(script.state, { type: 'tick' }, env)[0]).not.toEqual(script.state);
});

it('a probe’s answer for an engine that is stopping changes nothing', () => {
  const s = ready({ probes: { readiness: READINESS } });
  s.stop(0);
  expect(s.probe(0, 'readiness', true).states()).toBe('stopping');
  expect(s.until(6).states()).toBe('stopped');
});

it('a starting engine that never answers is unready to nobody: it is starting until startTimeout', () => {
  const s = new Script({ probes: { readiness: READINESS } }).engine(0, neverReady).until(1);
  for (let n = 0; n < 10; n += 1) s.probe(0, 'readiness', false);
  expect(s.states()).toBe('starting');
  expect(s.viewOf(0).message).toBe('waiting until it is ready, 1m59s left; last probe: no answer from readiness');
});
