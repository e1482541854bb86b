import { describe, expect, it } from 'vitest';
import type { RestartPolicy } from '../../src/config/spec.ts';
import type { Behaviour } from './behaviour.ts';
import { dies, diesOf, notPreflown, notSpawned, serves } from './behaviour.ts';
import { Script } from './script.ts';

/** Table A through the whole machine: what the engine is, how many failures, how many spawns, a good while after one end. */
type Seen = readonly [state: string, failures: number, spawns: number];
const again: Seen = ['ready', 1, 2];
const left: Seen = ['failed', 1, 1];
const rows: readonly (readonly [klass: string, behaviour: Behaviour, always: Seen, onFailure: Seen, never: Seen])[] = [
  ['clean', dies(5, { code: 0 }), again, ['stopped', 0, 1], ['stopped', 0, 1]],
  ['error', dies(5), again, again, left],
  // Exit code 0 before it was ever ready.
  ['error', dies(0.2, { code: 0 }), again, again, left],
  ['signal', dies(5, { signal: 'SIGSEGV' }), again, again, left],
  ['oom', dies(5, { oom: true }), again, again, left],
  ['gpu', diesOf('gpu', 5), again, again, left],
  ['unknown', dies(5, { code: null }), again, again, left],
  ['spawn_failed', notSpawned('spawn_failed'), again, again, left],
  ['prepare_failed', notPreflown('prepare_failed'), again, again, ['failed', 1, 0]],
  ['starved', notSpawned('starved'), ['ready', 0, 2], ['ready', 0, 2], ['ready', 0, 2]],
  ['port_busy', notSpawned('port_busy'), ['ready', 0, 2], ['ready', 0, 2], ['ready', 0, 2]],
  ['device_busy', notSpawned('device_busy'), ['ready', 0, 2], ['ready', 0, 2], ['ready', 0, 2]],
];
const policies: readonly RestartPolicy[] = ['always', 'on-failure', 'never'];

describe('table A', () => {
  const cells = rows.flatMap(([klass, behaviour, ...seen]) =>
    policies.map((restart, column) => ({ klass, behaviour, restart, seen: seen[column] })),
  );
  it.each(cells)('$klass under $restart', ({ klass, behaviour, restart, seen }) => {
    const s = new Script({ restart }).engine(0, behaviour, serves).until(30);
    expect(s.history[0]?.class).toBe(klass);
    const spawns = s.spawns.length - (klass === 'prepare_failed' && seen?.[0] === 'ready' ? -1 : 0);
    expect([s.states(), s.view().crashCount, spawns]).toEqual(seen);
  });
});

describe('an end', () => {
  it('is told with class, code, times and the line that says why, and kept', () => {
    const s = new Script().engine(0, dies(65.5, { pattern: 'bad_model' })).until(66);
    expect(s.history).toMatchObject([
      {
        pool: 'chat',
        engine: 'chat/0',
        generation: 1,
        class: 'bad_model',
        code: 1,
        signal: null,
        version: 'v1',
        failure: true,
        startedAt: '2026-11-20T10:00:00.000Z',
        at: '2026-11-20T10:01:05.500Z',
        uptimeMs: 65_500,
        readyMs: 1_000,
        matchedLine: 'fatal: bad_model',
        lastLines: ['fatal: bad_model'],
        message: 'ended with exit code 1: fatal: bad_model',
      },
    ]);
    expect(s.happenings.find(({ type }) => type === 'engine.exited')).toMatchObject({
      engine: 'chat/0',
      generation: 1,
      facts: { class: 'bad_model', code: 1, signal: null, uptimeMs: 65_500, failure: true, crashCount: 1, seen: 'event' },
    });
    expect(s.viewOf(0).lastExit).toMatchObject({ class: 'bad_model', code: 1, uptimeMs: 65_500 });
    expect(s.view()).toMatchObject({ lastError: 'chat/0: ended with exit code 1: fatal: bad_model', crashCount: 1 });
  });

  it('of the main process ends what is left of its tree, and only then is it over', () => {
    const s = new Script().engine(0, dies(5, { leavesChild: true }), serves).until(5);
    expect(s.trace('kill', 'engine.exited')).toEqual(['5s kill chat/0', '5s engine.exited chat/0 error']);
    const stuck = new Script().engine(0, dies(5, { leavesChild: true, unkillable: true })).until(9.9);
    expect(stuck.states()).toBe('stopping');
    expect(stuck.until(100).states()).toBe('stuck');
    expect(stuck.spawns).toHaveLength(1);
  });

  it('that was clean is left so, with the words for it, until a person starts it', () => {
    const s = new Script().engine(0, dies(5, { code: 0 }), serves).until(100);
    expect(s.view()).toMatchObject({ state: 'stopped', reason: 'clean', crashCount: 0 });
    expect(s.view().message).toContain('poolctl start');
    const id = s.start();
    s.until(102);
    expect(s.outcome(id)).toBe('started');
  });

  it('runs onExit for a failure, and for nothing else', () => {
    const onExit = { command: ['nvidia-smi'], timeoutMs: 1_000 };
    const s = new Script({ onExit }).engine(0, dies(5), serves).until(10);
    s.stop();
    s.until(11);
    expect(s.history.map(({ class: klass }) => klass)).toEqual(['error', 'requested']);
    expect(s.effects.filter((effect) => effect.do === 'onExit')).toMatchObject([{ entry: { class: 'error' } }]);
  });

  it('that nobody told of is found by the check and counts the same', () => {
    const s = new Script().until(5).crash(0, { code: 3, seen: 'check' }).until(5);
    expect(s.happenings.find(({ type }) => type === 'engine.exited')?.facts).toMatchObject({ seen: 'check', class: 'error', code: 3 });
  });
});
