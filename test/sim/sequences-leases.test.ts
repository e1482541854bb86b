/** The decided sequences of `research/sequences.md` about leases, drains and reloads, by their numbers. Defaults unless said. */
import { describe, expect, it } from 'vitest';
import { WORKER } from '../worker-spec.ts';
import { MINUTE, Script, SECOND } from './script.ts';

/** All are ready. */
function running(spec: ConstructorParameters<typeof Script>[0]): Script {
  return new Script(spec).boot().until(MINUTE).zero();
}

function versions(chat: Script): readonly (string | null)[] {
  return chat.status.engines.flatMap(({ role, version }) => (role === 'serving' ? [version] : []));
}

const DRAIN = { do: 'drain', replica: null, deadlineMs: null, extend: false } as const;

describe('leases and drains', () => {
  it('16: pool drain, three queued, the only engine dies: the three are refused at once', () => {
    const chat = running({});
    const holder = chat.asks();
    chat.until(SECOND);
    const waiting = [1, 2, 3].map(() => chat.asks({ waitMs: MINUTE }));
    chat.until(2 * SECOND).does(DRAIN);
    chat.until(3 * SECOND);
    expect(waiting.flatMap(({ told }) => told)).toEqual([]);
    chat.dies(0).until(3 * SECOND);
    expect(waiting.map(({ answers }) => answers)).toEqual([['pool_draining'], ['pool_draining'], ['pool_draining']]);
    expect(chat.told('lease.engine_lost').map(({ facts }) => facts.lease)).toEqual([holder.held.lease.id]);
  });

  it.each([false, true])('17: promotion and deadline in one tick: refused (requests first: %s)', (asksFirst) => {
    const chat = running({});
    chat.asksFirst = asksFirst;
    const holder = chat.asks();
    chat.until(SECOND);
    const waiter = chat.asks({ waitMs: MINUTE });
    chat.until(2 * SECOND).does({ ...DRAIN, deadlineMs: 8 * SECOND });
    chat.at(10 * SECOND, () => holder.releases()).until(11 * SECOND);
    expect(holder.answers).toEqual(['granted', 'ended forced']);
    expect(waiter.answers).toEqual(['pool_draining']);
    expect(chat.told('lease.granted')).toHaveLength(1);
    expect(chat.outcomes).toEqual([['drain', 'forced']]);
  });

  it('18: drain of 2 engines, engine 0 stopped already, resume: engine 0 starts, engine 1 goes on', () => {
    const chat = running({ replicas: 2 });
    const [first, second] = [chat.asks(), chat.asks()];
    chat.until(SECOND);
    expect([first.held.seat.replica, second.held.seat.replica]).toEqual([0, 1]);
    first.releases();
    chat.until(2 * SECOND).does(DRAIN);
    chat.until(3 * SECOND);
    expect(chat.status.engines.map(({ state }) => state)).toEqual(['stopped', 'draining']);
    expect(chat.does({ do: 'resume', replica: null })).toBeNull();
    chat.until(10 * SECOND);
    expect(chat.status.engines.map(({ state, generation }) => [state, generation])).toEqual([
      ['ready', 2],
      ['ready', 1],
    ]);
    expect(second.renews().api.held(second.held.lease.id)).not.toBeNull();
    expect(chat.told('drain.finished').map(({ facts }) => facts.outcome)).toEqual(['cancelled']);
  });

  it('19: drain chat/0, then scale 3: chat/2 starts, chat/0 stays drained', () => {
    const chat = running({ replicas: 2 });
    chat.does({ ...DRAIN, replica: 0 });
    chat.until(SECOND).does({ do: 'scale', replicas: 3 });
    chat.until(MINUTE);
    expect(chat.starts()).toEqual([{ replica: 2, atMs: SECOND, cause: 'first' }]);
    expect(chat.status.engines.map(({ state }) => state)).toEqual(['stopped', 'ready', 'ready']);
    expect(chat.state.engines[0]?.held).toMatchObject({ as: 'drained' });
  });

  it('20: daemon away 45 s, TTL 30 s, the holder renews 1 s after READY: renewed', () => {
    const chat = running({});
    const holder = chat.asks();
    chat
      .until(SECOND)
      .daemonDies()
      .until(46 * SECOND)
      .boot()
      .until(47 * SECOND);
    holder.renews();
    chat.until(48 * SECOND);
    expect(holder.answers).toEqual(['granted', 'renewed']);
    chat.until(76 * SECOND);
    expect(chat.told('lease.expired')).toEqual([]);
    chat.until(77 * SECOND);
    expect(chat.told('lease.expired').map(({ atMs }) => atMs)).toEqual([77 * SECOND]);
  });

  it("21: daemon away past a drain's deadline: forced first thing, before the API listens", () => {
    const chat = running({});
    const holder = chat.asks();
    chat.until(SECOND).does({ ...DRAIN, deadlineMs: 10 * SECOND });
    chat
      .until(5 * SECOND)
      .daemonDies()
      .until(20 * SECOND)
      .boot();
    expect(chat.world.daemon?.api).toBeNull();
    expect(chat.told('lease.forced').map(({ atMs, facts }) => [atMs, facts.lease])).toEqual([[20 * SECOND, holder.held.lease.id]]);
    chat.until(21 * SECOND);
    expect(chat.outcomes).toEqual([['drain', 'forced']]);
    expect(chat.status.state).toBe('drained');
  });

  it.each([false, true])('27: renewal, expiry and exit of the engine in one tick: refused (requests first: %s)', (asksFirst) => {
    const chat = running({});
    const holder = chat.asks();
    chat.until(0);
    chat.asksFirst = asksFirst;
    chat.at(30 * SECOND, () => holder.renews()).at(30 * SECOND, () => chat.dies(0));
    chat.until(31 * SECOND);
    expect(holder.answers).toEqual(['granted', 'ended expired']);
    expect(chat.told('lease.renewed')).toEqual([]);
  });

  it('28: an idempotency key used again after its lease ended: that lease, ended; keys are kept 10 min past the end', () => {
    const chat = running({});
    const first = chat.asks({ key: 'one' });
    chat.until(SECOND);
    first.releases();
    chat.until(2 * SECOND);
    const again = chat.asks({ key: 'one' });
    chat.until(9 * MINUTE);
    const later = chat.asks({ key: 'one' });
    chat.until(11 * MINUTE);
    const anew = chat.asks({ key: 'one' });
    chat.until(12 * MINUTE);
    expect([again, later, anew].map(({ answers }) => answers)).toEqual([['ended released'], ['ended released'], ['granted']]);
    expect(anew.held.lease.id).not.toBe(first.held.lease.id);
  });
});

describe('reloads', () => {
  /** A rolling reload takes 6 s for each of four engines: two are done, and the third is tried. */
  const halfWay = (): Script => {
    const chat = running({ replicas: 4 });
    expect(chat.reload('v2', 'rolling')).toBeNull();
    chat.until(15 * SECOND);
    expect(versions(chat)).toEqual(['v2', 'v2', 'v1', 'v1']);
    return chat.daemonDies();
  };

  it('22: rolling reload, 2 of 4 done, SIGKILL of the daemon: goes on where its candidates live', () => {
    const chat = halfWay()
      .until(20 * SECOND)
      .boot()
      .until(2 * MINUTE);
    expect(chat.outcomes).toEqual([['reload', 'reloaded']]);
    expect(versions(chat)).toEqual(['v2', 'v2', 'v2', 'v2']);
  });

  it('22: and where the candidate has died meanwhile it rolls back', () => {
    const chat = halfWay();
    for (const process of chat.world.ground.processes.living({ pool: 'chat', replica: 2 }))
      if (process.ref.generation === 2) chat.world.ground.processes.end(process, { code: 1, signal: null });
    chat
      .until(20 * SECOND)
      .boot()
      .until(2 * MINUTE);
    expect(chat.outcomes).toEqual([['reload', 'rolled_back']]);
    expect(versions(chat)).toEqual(['v1', 'v1', 'v1', 'v1']);
    expect(chat.status.state).toBe('running');
  });

  it('23: blue-green, two minutes after the commit the new spec crashes: an ordinary failure', () => {
    const chat = running({ replicas: 2 });
    chat.reload('v2', 'blue-green');
    chat.until(10 * SECOND);
    expect(chat.outcomes).toEqual([['reload', 'reloaded']]);
    chat
      .until(2 * MINUTE)
      .zero()
      .dies(0)
      .until(MINUTE);
    expect(chat.starts()).toEqual([{ replica: 0, atMs: SECOND, cause: 'restart' }]);
    expect(versions(chat)).toEqual(['v2', 'v2']);
    expect(chat.told('reload.rolled_back')).toEqual([]);
    expect(chat.status).toMatchObject({ state: 'running', crashCount: 1 });
  });

  it('24: reload running, a third spec comes, the first is cancelled: rolled back, then the third runs', () => {
    const chat = running({ replicas: 2 });
    chat.reload('v2', 'rolling');
    chat.until(8 * SECOND).reload('v3', 'rolling');
    chat.until(9 * SECOND);
    expect(versions(chat)).toEqual(['v2', 'v1']);
    chat.sends({ type: 'cancel', operationId: 'op-1', stamp: { by: 'ops@tty1', atMs: 0, reason: null } }).until(MINUTE);
    expect(chat.outcomes).toEqual([
      ['reload', 'cancelled'],
      ['reload', 'reloaded'],
    ]);
    expect(chat.told('reload.rolled_back')).toHaveLength(1);
    expect(versions(chat)).toEqual(['v3', 'v3']);
  });

  it('30: an old engine dies while its replacement soaks: restarted by the old spec', () => {
    const chat = running({ reload: { ...WORKER.reload, soakMs: 20 * SECOND } });
    chat.reload('v2', 'rolling');
    chat.until(5 * SECOND);
    for (const process of chat.world.ground.processes.living({ pool: 'chat', replica: 0 }))
      if (process.ref.generation === 1) chat.world.ground.processes.end(process, { code: 1, signal: null });
    chat.until(10 * SECOND);
    expect(chat.starts().filter(({ cause }) => cause !== 'candidate')).toEqual([{ replica: 0, atMs: 6 * SECOND, cause: 'restart' }]);
    const [serving] = chat.status.engines.filter(({ role }) => role === 'serving');
    expect(serving).toMatchObject({ version: 'v1', state: 'ready' });
    chat.until(MINUTE);
    expect(chat.outcomes).toEqual([['reload', 'reloaded']]);
    expect(versions(chat)).toEqual(['v2']);
  });
});

describe('one more that no peer gets right', () => {
  it.each([
    ['a stop', { do: 'stop', replica: null, now: false }, ['pool_stopped']],
    ['a drain', DRAIN, ['pool_draining']],
    ['a scale to none', { do: 'scale', replicas: 0 }, ['pool_stopped']],
    ['a restart', { do: 'restart', replica: null, now: true }, ['granted']],
  ] as const)('a request while the last engine is being unloaded by %s has an answer: never silence', (_what, command, answers) => {
    const chat = new Script({});
    chat.behaves = () => ({ onTerm: { code: 0, signal: null, afterMs: 3 * SECOND } });
    chat.boot().until(MINUTE).zero();
    expect(chat.does(command)).toBeNull();
    chat.until(SECOND);
    expect(chat.engine(0).state).toBe('stopping');
    const late = chat.asks({ waitMs: MINUTE });
    chat.until(10 * SECOND);
    expect(late.answers).toEqual(answers);
  });
});
