import { describe, expect, it } from 'vitest';
import { dies } from '../pool/behaviour.ts';
import { Reloads } from './reloads.ts';

describe('what is asked for', () => {
  it('is refused where it makes no sense', () => {
    const s = new Reloads({ engine: { vars: { model: 'a' }, settable: { model: '^[a-z]$' } } }).until(5);
    const ask = (words: object) =>
      s.refused({
        do: 'reload',
        version: null,
        vars: {},
        strategy: null,
        deadlineMs: null,
        cutLeases: false,
        same: false,
        admin: false,
        ...words,
      });
    expect(ask({ vars: { modle: 'b' } })).toMatchObject({
      code: 'invalid_request',
      message: 'cannot reload chat: there is no variable "modle"; there are model',
    });
    expect(ask({ vars: { model: 'B' } })).toMatchObject({ code: 'invalid_request' });
    expect(ask({ vars: { model: 'b\0' } })).toMatchObject({ code: 'invalid_request' });
    expect(ask({ version: 'v\0' })).toMatchObject({ code: 'invalid_request' });
    expect(ask({ vars: { model: 'b' } })).toBeNull();
    expect(ask({ vars: { constructor: 'b' } })).toMatchObject({ code: 'invalid_request' });
    const closed = new Reloads({ engine: { vars: { model: 'a' } } });
    const { command } = {
      command: {
        do: 'reload',
        version: null,
        vars: { model: 'b' },
        strategy: null,
        deadlineMs: null,
        cutLeases: false,
        same: false,
      } as const,
    };
    expect(closed.refused({ ...command, admin: false })).toMatchObject({ code: 'forbidden' });
    expect(closed.refused({ ...command, admin: true })).toBeNull();
  });
});

describe('what is told', () => {
  it('of a reload, in order, with the facts of its metrics', () => {
    const s = new Reloads().until(5);
    s.reload();
    s.until(30);
    const told = s.happenings
      .filter(({ type }) => type.startsWith('reload.'))
      .map(({ type, facts }) => [type, facts.step ?? facts.outcome ?? facts.strategy]);
    expect(told).toEqual([
      ['reload.started', 'blue-green'],
      ['reload.step', 'trying'],
      ['reload.step', 'serving'],
      ['reload.step', 'committed'],
      ['reload.finished', 'reloaded'],
    ]);
    expect(s.happenings.findLast(({ type }) => type === 'reload.finished')?.facts).toMatchObject({
      kind: 'reload',
      success: true,
      reason: null,
      durationMs: 6_100,
    });
  });

  it('of one that went back: why, and what serves', () => {
    const s = new Reloads().until(5);
    s.version('v2', dies());
    const id = s.reload();
    expect(s.shown(id)).toMatchObject({ state: 'running', progress: { leasesLeft: 0, deadlineAt: null, candidate: 'chat/0#2' } });
    s.until(30);
    expect(s.happenings.findLast(({ type }) => type === 'reload.rolled_back')?.facts).toMatchObject({ reason: 'reload_failed' });
    expect(s.happenings.findLast(({ type }) => type === 'reload.finished')?.facts).toMatchObject({
      success: false,
      outcome: 'rolled_back',
      reason: 'reload_failed',
    });
    expect(s.happenings.filter(({ type }) => type === 'operation.finished')).toHaveLength(1);
  });

  it('to other programs only of the engine that serves, when it takes over', () => {
    const s = new Reloads().until(5);
    s.lease('ann');
    s.reload();
    s.until(10.9);
    const written = () => s.effects.flatMap((effect) => (effect.do === 'writeHandoff' ? [effect.ref.generation] : []));
    expect(written()).toEqual([1]);
    s.until(11);
    expect(written()).toEqual([1, 2]);
    s.daemonDies().until(12).daemonStarts();
    expect(written()).toEqual([1, 2, 2]);
  });
});
