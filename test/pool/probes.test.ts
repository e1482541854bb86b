import { describe, expect, it } from 'vitest';
import { neverReady, serves } from './behaviour.ts';
import { LIVENESS, PROGRESS, READINESS } from './pool-spec.ts';
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
