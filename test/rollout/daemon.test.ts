import { describe, expect, it } from 'vitest';
import { dies, serves } from '../pool/behaviour.ts';
import type { SpecChange } from '../pool/pool-spec.ts';
import { poolSpec } from '../pool/pool-spec.ts';
import { Reloads } from './reloads.ts';

const DEVICES: SpecChange = { engine: { devices: ['0', '1', '2'] }, reload: { maxSurge: 0, maxUnavailable: 1 } };

type Strategy = 'rolling' | 'recreate' | 'blue-green';

/** With one lease held for a while, and maybe a last candidate that fails. */
function begun(strategy: Strategy, change: SpecChange, fails: boolean): { s: Reloads; id: string } {
  const s = new Reloads({ replicas: 2, ...change }).until(5);
  if (fails) s.version('v2', serves, dies(3), serves);
  s.lease('ann');
  return { s, id: s.reload({ strategy, deadlineMs: 60_000 }) };
}

/** Which spec serves in the end: one as a whole, with nothing left over. */
function ended(s: Reloads, id: string, about: string): string {
  s.release('ann').pass(120);
  expect(s.leftovers(), `${about}: ${s.generations()}`).toEqual([]);
  const versions = new Set(s.view().engines.map(({ version }) => version));
  expect(versions.size, `${about}: ${s.generations()}`).toBe(1);
  expect(s.view().state, about).toBe('running');
  const [served] = versions;
  expect(s.outcome(id), about).toBe(served === 'v2' ? 'reloaded' : 'rolled_back');
  expect(s.view(), about).toMatchObject({ crashCount: 0, restartCount: 0 });
  const numbers = s.spawns.map(({ replica, generation }) => `${replica}#${generation}`);
  expect(new Set(numbers).size, about).toBe(numbers.length);
  return served ?? '';
}

/** The daemon dies after its decision `at`, and the next one comes. Which spec serves in the end; nothing where it never came to that. */
function afterDeath({
  s,
  id,
  at,
  awayS,
}: {
  readonly s: Reloads;
  readonly id: string;
  readonly at: number;
  readonly awayS: number;
}): string {
  s.diesAfter = at;
  s.until(20);
  if (s.isUp) s.release('ann').until(60);
  if (s.isUp) return '';
  s.pass(awayS).daemonStarts();
  const held = s.seatOf('ann') !== null;
  s.pass(1);
  if (held && awayS < 30) expect(s.seatOf('ann'), `${at}`).not.toBeNull();
  return ended(s, id, `${at} ${awayS}`);
}

describe.each(['rolling', 'recreate', 'blue-green'] as const)('a death of the daemon in a %s reload', (strategy) => {
  it.each([
    ['after each decision, before anything of it was done', {}, false],
    ['and on its way back', {}, true],
    ['with an engine each in its place', DEVICES, false],
    ['with an engine each in its place, and on its way back', DEVICES, true],
    ['that prepares', { engine: { prepare: { command: ['fetch'], timeoutMs: 60_000 } } }, false],
  ])('%s (sequence 22)', (_what, change, fails) => {
    if (strategy === 'blue-green' && change === DEVICES) return;
    const whole = begun(strategy, change, fails);
    const first = whole.s.decided;
    whole.s.until(20).release('ann').until(60);
    const last = whole.s.decided;
    expect(last - first).toBeGreaterThan(10);
    const served = new Set<string>();
    for (let at = first; at <= last; at += 1) {
      for (const awayS of [0, 0.5, 30]) served.add(afterDeath({ ...begun(strategy, change, fails), at, awayS }));
    }
    expect(served.has('v1')).toBe(true);
    if (!fails) expect(served.has('v2')).toBe(true);
  });

  it('whose candidates end meanwhile is taken back; one whose old engines do goes on', () => {
    for (const [generation, outcome] of [
      [2, 'rolled_back'],
      [1, 'reloaded'],
    ] as const) {
      const s = new Reloads().until(5);
      const id = s.reload({ strategy: strategy === 'recreate' ? 'rolling' : strategy });
      s.until(8).daemonDies().until(9).crash(0, { signal: 'SIGKILL' }, generation).until(10).daemonStarts().until(60);
      expect(s.outcome(id)).toBe(outcome);
      expect(s.leftovers()).toEqual([]);
    }
  });

  it('and a reboot in the middle ends it: the old spec starts', () => {
    for (const atS of [5.5, 8, 11.5, 13]) {
      const s = new Reloads({ replicas: 2 }).until(5);
      s.lease('ann');
      const id = s.reload({ strategy, deadlineMs: 600_000 });
      s.until(atS);
      const committed = s.view().engineVersion === 'v2';
      s.reboots().until(60);
      expect(s.outcome(id)).toBe(committed ? 'reloaded' : 'rolled_back');
      if (!committed) expect(s.operation(id).error?.message).toContain('the host was rebooted in the middle of it');
      expect(s.view().engines.map(({ version }) => version)).toEqual(committed ? ['v2', 'v2'] : ['v1', 'v1']);
      expect(s.leftovers()).toEqual([]);
    }
  });

  it('and a shutdown in the middle ends it, and its operation', () => {
    for (const atS of [5.5, 8, 11.5, 13]) {
      const s = new Reloads({ replicas: 2 }).until(5);
      s.lease('ann');
      const id = s.reload({ strategy, deadlineMs: 600_000 });
      s.until(atS);
      const committed = s.view().engineVersion === 'v2';
      s.send({ type: 'shutdown' }).pass(100);
      expect(s.outcome(id)).toBe(committed ? 'forced' : 'rolled_back');
      expect(s.view().live).toBe(false);
      s.daemonDies().daemonStarts().pass(20);
      expect(s.view().engines.map(({ version }) => version)).toEqual(committed ? ['v2', 'v2'] : ['v1', 'v1']);
      expect(s.leftovers()).toEqual([]);
    }
  });

  it('and another file after it takes it back to what that says', () => {
    const s = new Reloads({ replicas: 2 }).until(5);
    s.lease('ann');
    const id = s.reload({ strategy, deadlineMs: 600_000 });
    s.until(8)
      .daemonDies()
      .until(9)
      .daemonStarts({ spec: { replicas: 2, slots: 3 }, specId: 'b' })
      .until(60);
    expect(s.operation(id)).toMatchObject({ state: 'cancelled', error: { message: 'the configuration has changed meanwhile' } });
    expect(s.view()).toMatchObject({ state: 'running', engineVersion: 'v1' });
    expect(s.view().engines.some(({ version }) => version === 'v2')).toBe(false);
    expect(s.leftovers()).toEqual([]);
  });
});

describe('what a person has set', () => {
  it('is shown, and kept over restarts until the file changes that key', () => {
    const file: SpecChange = { engine: { vars: { model: 'a', size: '1' } } };
    const s = new Reloads(file).until(5);
    s.reload({ vars: { model: 'b' } });
    s.until(30).daemonDies().daemonStarts().until(40);
    expect(s.view().overrides).toMatchObject([
      { key: 'engine.version', value: 'v2', fileValue: 'v1', by: 'ann' },
      { key: 'engine.vars.model', value: 'b', fileValue: 'a', by: 'ann' },
    ]);
    expect(s.view().engines).toMatchObject([{ generation: 2, outdated: false }]);
    // Another key of the file: the settings stay. Its next start goes by both.
    s.daemonDies()
      .daemonStarts({ spec: { engine: { vars: { model: 'a', size: '2' } } }, specId: 'b' })
      .until(45);
    expect(s.view().overrides.map(({ key }) => key)).toEqual(['engine.version', 'engine.vars.model']);
    s.daemonDies()
      .daemonStarts({ spec: { engine: { vars: { model: 'c', size: '2' } } }, specId: 'c' })
      .until(50);
    expect(s.view().overrides.map(({ key }) => key)).toEqual(['engine.version']);
    s.daemonDies()
      .daemonStarts({ spec: { engine: { version: 'v7', vars: { model: 'c', size: '2' } } }, specId: 'd' })
      .until(60);
    expect(s.view().overrides).toEqual([]);
    const id = s.reload({ version: null });
    s.until(90);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.generations()).toBe('0#3 v7 ready');
    expect(s.leftovers()).toEqual([]);
  });

  it('is not there when its reload went back', () => {
    const s = new Reloads().until(5);
    s.version('v2', dies());
    s.reload();
    s.until(30);
    expect(s.view().overrides).toEqual([]);
  });

  it('a reload that waited for one that the file has overtaken is called off', () => {
    const s = new Reloads().until(5);
    s.reload();
    const waiting = s.reload({ version: 'v3' });
    s.until(7)
      .daemonDies()
      .daemonStarts({ spec: { slots: 2 }, specId: 'b' })
      .until(60);
    expect(s.operation(waiting)).toMatchObject({ state: 'cancelled', outcome: 'cancelled' });
    expect(s.generations()).toBe('0#1 v1 ready');
  });
});

it('a restart whose spec is not known to be prepared prepares it once, before any engine is touched', () => {
  const prepare = { prepare: { command: ['fetch'], timeoutMs: 60_000 } };
  const s = new Reloads({ engine: prepare }).until(5);
  s.daemonDies()
    .daemonStarts({ spec: { engine: prepare, slots: 2 }, specId: 'b' })
    .until(10);
  s.trace();
  const id = s.restartSoftly();
  s.until(40);
  expect(s.outcome(id)).toBe('restarted');
  expect(s.trace('prepare', 'engine.starting')).toEqual(['10s prepare', '11s engine.starting chat/0 candidate']);
  expect(poolSpec({}).slots).toBe(1);
  expect(s.view().slotsTotal).toBe(2);
});

describe('a scale that waits for a reload over a death of the daemon', () => {
  const waiting = (): { s: Reloads; id: string } => {
    const s = new Reloads({ replicas: 3 }).until(5);
    s.reload();
    const id = s.scale(1);
    expect(s.outcome(id)).toBe('running');
    return { s, id };
  };

  it('gives way to a file with another count', () => {
    const { s, id } = waiting();
    s.daemonDies().daemonStarts({ spec: { replicas: 2 }, specId: 'b' });
    expect(s.operation(id)).toMatchObject({ state: 'cancelled', error: { message: 'the configuration has changed meanwhile' } });
    expect(s.until(30).view()).toMatchObject({ replicas: 2, overrides: [], state: 'running' });
  });

  it('acts over one that changes something else', () => {
    const { s, id } = waiting();
    s.daemonDies()
      .daemonStarts({ spec: { replicas: 3, readyAfterMs: 1_000 }, specId: 'b' })
      .until(30);
    expect(s.outcome(id)).toBe('scaled');
    expect(s.view()).toMatchObject({ replicas: 1, overrides: [{ key: 'replicas', value: 1, fileValue: 3 }] });
  });
});
