import { describe, expect, it } from 'vitest';
import { describeEnd, span } from '../../src/pool/end-message.ts';
import { gatesAt } from '../../src/pool/gates-state.ts';
import { explanations } from '../../src/pool/reason-view.ts';
import { dies, diesOf, ignoresTerm, neverReady, notPreflown, serves, unkillable } from './behaviour.ts';
import { LIVENESS, READINESS, STARTUP } from './pool-spec.ts';
import { Script } from './script.ts';

/** `state (reason): message` of a pool. */
function says(s: Script): string {
  const { state, reason, message } = s.view();
  return `${state} (${reason}): ${message}`;
}

function engineSays(s: Script, replica = 0): string {
  const { state, reason, message } = s.viewOf(replica);
  return `${state} (${reason}): ${message}`;
}

describe('what a pool says of itself', () => {
  it.each<[string, () => Script]>([
    ['stopped (autostart_off): autostart is off; poolctl start chat starts it', () => new Script({ autostart: false }).until(1)],
    [
      'starting (probing): 0 of 1 ready; chat/0: waiting until it is ready, 1m59s left',
      () => new Script({ probes: { startup: STARTUP } }).engine(0, neverReady).until(1),
    ],
    [
      'starting (backoff): 0 of 2 ready; chat/0: failed 2 times in a row, last: ended with exit code 1 before it was ready: last words; next start in 1.4s: back-off',
      () => new Script({ replicas: 2 }).engines(2, dies()).until(2),
    ],
    [
      'degraded (backoff): 1 of 2 ready; chat/1: ended with exit code 1: last words; next start in 400ms: back-off',
      () => new Script({ replicas: 2 }).engine(1, dies(5)).until(5.6),
    ],
    ['running (null): null', () => new Script().until(5)],
    [
      'failed (error): 0 of 1 ready; chat/0: ended with exit code 1: last words; none is started any more (restart: never)',
      () => new Script({ restart: 'never' }).engine(0, dies(5)).until(10),
    ],
    [
      'failed (breaker_open): the breaker is open for another 4m16s, 1 waiting; poolctl retry chat tries one now, poolctl reset chat closes it',
      () => new Script().engine(0, dies()).until(60),
    ],
    [
      'failed (breaker_open): the breaker is half open: chat/0 is being tried; poolctl retry chat tries one now, poolctl reset chat closes it',
      () => new Script().engine(0, dies()).until(316.1),
    ],
    [
      'failed (breaker_open): the breaker of class gpu is open for another 4m40s, 1 waiting; poolctl retry chat tries one now, poolctl reset chat closes it',
      () => new Script({ breaker: { classes: { gpu: { failureThreshold: 1 } } } }).engine(0, diesOf('gpu', 5)).until(25),
    ],
    [
      'stopped (clean): 0 of 1 ready; chat/0: ended by itself with exit code 0 and is left so; poolctl start chat/0 starts it again',
      () => new Script().engine(0, dies(5, { code: 0 })).until(10),
    ],
  ])('%s', (expected, make) => {
    expect(says(make())).toBe(expected);
  });

  it('names who stopped it, when and why', () => {
    const s = new Script().engine(0, { ...serves, termS: 2 }).until(5);
    s.send({
      type: 'command',
      command: { do: 'stop', replica: null, now: false },
      operationId: 'x',
      stamp: { by: 'ann@tty1', atMs: Date.UTC(2026, 0, 2), reason: 'a new card' },
    });
    expect(says(s)).toBe('draining (stopped_by_hand): stopped by ann@tty1 at 2026-01-02T00:00:00.000Z: a new card');
    expect(says(s.until(10))).toBe('stopped (stopped_by_hand): stopped by ann@tty1 at 2026-01-02T00:00:00.000Z: a new card');
  });

  it('is failed only when nothing is ready and nothing but a canary will start', () => {
    const s = new Script({ replicas: 2 }).engines(2, dies(5), dies(), dies(), dies(), dies()).until(15);
    expect(s.view()).toMatchObject({ state: 'degraded', ready: false });
    s.until(40);
    expect(s.view()).toMatchObject({ state: 'failed', ready: false, live: false });
    s.until(320.9);
    expect(s.view()).toMatchObject({ breaker: { state: 'half_open' }, state: 'failed', live: true });
  });

  it('is starting until one has been ready since the start, and after each stop again', () => {
    const s = new Script().engine(0, dies(), serves).until(0.5);
    expect(s.view().state).toBe('starting');
    s.until(10);
    s.stop();
    s.until(20);
    s.start();
    expect(s.view().state).toBe('starting');
    s.until(30).crash(0).until(30.5);
    expect(s.view().state).toBe('degraded');
  });

  it('tells each change of its state once', () => {
    const s = new Script({ replicas: 2 }).until(5).crash(0).until(20);
    s.stop();
    expect(s.until(30).trace('pool.state')).toEqual([
      '0s pool.state starting',
      '1s pool.state running',
      '5s pool.state degraded',
      '7s pool.state running',
      '20s pool.state draining',
      '20.1s pool.state stopped',
    ]);
    expect(s.happenings.filter(({ type }) => type === 'pool.state').map(({ facts }) => facts.oldState)).toEqual([
      'stopped',
      'starting',
      'running',
      'degraded',
      'running',
      'draining',
    ]);
  });
});

describe('what an engine says of itself', () => {
  const waiting = { replicas: 2 } as const;
  it.each<[string, () => Script]>([
    ['starting (preparing): prepare is running', () => new Script({ engine: { prepare: { command: ['x'], timeoutMs: 1 } } }).until(0.5)],
    ['starting (preflight): the preflight checks are running', () => new Script().engine(0, { ...serves, preflightS: 5 }).until(1)],
    ['starting (spawning): being spawned', () => new Script().engine(0, { ...serves, spawnS: 5 }).until(1)],
    [
      'starting (probing): waiting until it is ready, 1m50s left; last probe: no answer from startup',
      () => new Script({ probes: { startup: STARTUP } }).engine(0, neverReady).until(10).probe(0, 'startup', false),
    ],
    [
      'starting (probing): waiting until it is ready, 2m left (the one try of an open breaker)',
      () => new Script().engine(0, dies()).until(316),
    ],
    ['ready (null): null', () => new Script().until(5)],
    [
      'stopping (unhealthy): KILL in 3s',
      () =>
        new Script({ probes: { liveness: { ...LIVENESS, failureThreshold: 1 } } })
          .engine(0, ignoresTerm)
          .until(5)
          .probe(0, 'liveness', false)
          .until(7),
    ],
    [
      'stopping (unhealthy): killed, waiting for its processes to be gone',
      () =>
        new Script({ probes: { liveness: { ...LIVENESS, failureThreshold: 1 } } })
          .engine(0, unkillable)
          .until(5)
          .probe(0, 'liveness', false)
          .until(12),
    ],
    [
      'stuck (unkillable): killed and still there: its port and devices stay reserved until it is gone or poolctl reset chat --forget',
      () =>
        new Script({ probes: { liveness: { ...LIVENESS, failureThreshold: 1 } } })
          .engine(0, unkillable)
          .until(5)
          .probe(0, 'liveness', false)
          .until(50),
    ],
    [
      'stuck (unproven): a process under its name cannot be proved to be ours: nothing is signalled; poolctl reset chat --forget lets go of it',
      () => new Script().until(5).send({ type: 'unproven', replica: 0, generation: 1 }),
    ],
    [
      'stopped (clean): ended by itself with exit code 0 and is left so; poolctl start chat/0 starts it again',
      () => new Script().engine(0, dies(5, { code: 0 })).until(10),
    ],
    [
      'backoff (port_busy): port_busy at preflight; next start in 5s: its port is taken',
      () => new Script({ engine: { port: 8_000 } }).engine(0, notPreflown('port_busy')).until(5),
    ],
    [
      'backoff (device_busy): device_busy at preflight; next start in 5s: its device is taken',
      () => new Script().engine(0, notPreflown('device_busy')).until(5),
    ],
    [
      'backoff (starved): starved at preflight; next start in 500ms: the daemon lacks what a start needs',
      () => new Script().engine(0, notPreflown('starved')).until(0.5),
    ],
    [
      'backoff (restart_limit): ended with exit code 1: last words; next start in 49s: the pool has had its 1 restart in 1m',
      () => new Script({ ...waiting, restartLimit: { count: 1 } }).engine(1, dies(5), serves).engine(0, dies(10), serves).until(17),
    ],
    [
      'backoff (breaker_open): failed 5 times in a row, last: ended with exit code 1 before it was ready: last words; next start in 3m36s: its own breaker is open',
      () => new Script(waiting).engine(0, dies()).until(100),
    ],
  ])('%s', (expected, make) => {
    expect(engineSays(make())).toBe(expected);
  });

  it('that waits behind a half-open breaker names who is tried first, and no time', () => {
    const s = new Script({ replicas: 2, breaker: { failureThreshold: 1 } }).engine(0, dies(), serves).engine(1, dies()).until(310);
    expect(engineSays(s, 1)).toBe(
      "backoff (breaker_open): ended with exit code 1 before it was ready: last words; no start is due: the pool's breaker is half open, and chat/0 is tried first",
    );
    expect(s.viewOf(1).nextStartAt).toBeNull();
  });

  it('stops what it says about the start when the pool is stopped or scaled', () => {
    const s = new Script({ replicas: 2 }).until(5);
    s.stop();
    s.until(6);
    expect(engineSays(s)).toBe('stopped (pool_stopped): chat is stopped; poolctl start chat starts it');
  });

  it('that is due shows when, and one that is not shows nothing', () => {
    const s = new Script().engine(0, dies(5), serves).until(5.5);
    expect(s.viewOf(0)).toMatchObject({
      nextStartAt: '2026-11-20T10:00:06.000Z',
      pid: null,
      url: null,
      startedAt: null,
      readyAt: null,
      version: null,
    });
    expect(s.until(10).viewOf(0)).toMatchObject({
      nextStartAt: null,
      pid: 102,
      url: 'http://127.0.0.1:20000',
      startedAt: '2026-11-20T10:00:06.000Z',
      readyAt: '2026-11-20T10:00:07.000Z',
      version: 'v1',
      role: 'serving',
    });
  });

  it('tells in its back-off event when a start is really due: behind its own breaker later than the delay', () => {
    const s = new Script({ replicas: 2 }).engine(0, dies()).until(100);
    expect(s.happenings.findLast(({ type }) => type === 'engine.backoff')?.facts).toMatchObject({
      delayMs: 16_000,
      nextStartAt: '2026-11-20T10:05:16.000Z',
    });
  });
});

describe('the status', () => {
  it('has every key of the contract from the start', () => {
    expect(Object.keys(new Script({ autostart: false }).until(0).view()).toSorted()).toEqual([
      'activeLeases',
      'breaker',
      'containment',
      'crashCount',
      'devices',
      'draining',
      'engineVersion',
      'engines',
      'lastError',
      'live',
      'message',
      'oldestLeaseMs',
      'oldestWaitMs',
      'orphaned',
      'overrides',
      'pool',
      'queueDepth',
      'ready',
      'reason',
      'replicas',
      'restartCount',
      'slotsFree',
      'slotsTotal',
      'state',
      'wanted',
    ]);
  });

  it('lists every replica, those too that never had an engine', () => {
    const s = new Script({ replicas: 2, autostart: false, engine: { devices: ['0', '1'] } }).until(1);
    expect(s.view().engines).toMatchObject([
      { id: 'chat/0', generation: 0, state: 'stopped', live: false, device: '0' },
      { id: 'chat/1', generation: 0, state: 'stopped', live: false, device: '1' },
    ]);
  });

  it('counts slots of ready engines only', () => {
    const s = new Script({ replicas: 3, slots: 4, probes: { readiness: { ...READINESS, failureThreshold: 1 } } }).until(5);
    s.probe(0, 'readiness', false).crash(1);
    expect(s.view()).toMatchObject({ slotsTotal: 12, slotsFree: 4, ready: true, live: true, state: 'degraded' });
  });
});

describe('explain', () => {
  it('tells every rule with its numbers', () => {
    const s = new Script({ replicas: 2, breaker: { classes: { gpu: { failureThreshold: 3 } } } })
      .engine(0, dies())
      .engine(1, diesOf('gpu', 5), serves)
      .until(20);
    const told = explanations(s.state, null, gatesAt(s.state, s.nowMs)).map(
      ({ subject, rule, says: text }) => `${subject} ${rule}: ${text}`,
    );
    expect(told).toEqual([
      'chat wanted: running: 2 of 2 engines wanted',
      'chat leases: 0 held',
      'chat queue: 0 of 1000 waiting',
      'chat breaker: closed',
      'chat breaker gpu: closed; 1 of 3 failures that open it',
      'chat limiter: 5 of 10 restarts in the last 1m',
      'chat storm: 5 of 10 restarts in 30s that would open the breaker',
      'chat/0 state: backoff, generation 5: failed 5 times in a row, last: ended with exit code 1 before it was ready: last words; next start in 4m56s: its own breaker is open',
      'chat/0 backoff: 5 failures in a row for the delay',
      'chat/0 breaker: open; 5 of 5 failures that open it',
      'chat/0 lastExit: error at 2026-11-20T10:00:16.000Z: ended with exit code 1 before it was ready: last words',
      'chat/1 state: ready, generation 2',
      'chat/1 backoff: 1 failure in a row for the delay',
      'chat/1 breaker: closed; 0 of 5 failures that open it',
      'chat/1 leases: 0 of 1 slot leased',
      'chat/1 lastExit: gpu at 2026-11-20T10:00:05.000Z: ended with exit code 1: fatal: gpu',
    ]);
    expect(explanations(s.state, 1, gatesAt(s.state, s.nowMs))).toHaveLength(5);
  });

  it('says who scaled it, and that it is orphaned', () => {
    const s = new Script({ replicas: 2 }).until(5);
    s.scale(3);
    s.until(10).daemonDies().daemonStarts({ spec: null, specId: 'a' });
    expect(explanations(s.state, null, gatesAt(s.state, s.nowMs))[0]?.says).toBe(
      'running: 3 of 3 engines wanted (scaled by ann; the file says 2); the pool is gone from the file and runs on by its last spec',
    );
  });
});

describe('a span in a message', () => {
  it.each([
    [0, '0s'],
    [4, '4ms'],
    [999, '999ms'],
    [1_000, '1s'],
    [1_234, '1.2s'],
    [9_960, '10s'],
    [10_400, '10s'],
    [59_499, '59s'],
    [59_500, '1m'],
    [60_000, '1m'],
    [61_000, '1m1s'],
    [3_599_400, '59m59s'],
    [3_600_000, '1h'],
    [5_430_000, '1h30m'],
    [-5, '0s'],
  ])('%i ms is %s', (ms, text) => {
    expect(span(ms)).toBe(text);
  });
});

describe('how an end is told', () => {
  const ended = new Script().engine(0, dies(5)).until(5);
  const [{ run }] = [{ run: startedRun(new Script().until(5)) }];
  const before = startedRun(new Script({ probes: { startup: STARTUP } }).engine(0, neverReady).until(1).probe(0, 'startup', false));
  const nothing = { oomKilled: false, patternClass: null, matchedLine: null, lastLines: [] };
  const exit = { code: null, signal: null, atMs: 0, seen: 'event' as const, spawnFailure: null };

  it.each([
    ['error', { ...exit, code: 3 }, run, 'ended with exit code 3'],
    ['error', { ...exit, code: 3 }, before, 'ended with exit code 3 before it was ready'],
    ['signal', { ...exit, signal: 'SIGSEGV' }, run, 'ended with SIGSEGV'],
    ['oom', { ...exit, signal: 'SIGKILL' }, run, 'killed for want of memory (SIGKILL)'],
    ['unknown', exit, run, 'ended, and nobody saw its exit code'],
    ['clean', { ...exit, code: 0 }, run, 'ended by itself with exit code 0'],
    ['requested', { ...exit, code: 143 }, run, 'stopped as asked (exit code 143)'],
    ['requested', exit, run, 'stopped as asked (no exit code seen)'],
    ['start_timeout', { ...exit, code: 0 }, before, 'not ready in time: no answer from startup'],
    ['unhealthy', { ...exit, code: 0 }, before, 'killed because its liveness probe failed: no answer from startup'],
  ])('%s %#', (klass, how, of, expected) => {
    expect(describeEnd({ run: of, exit: how, klass, evidence: nothing })).toBe(expected);
  });

  it('adds the line that tells why, cut to what a message can hold', () => {
    expect(ended.history[0]?.message).toBe('ended with exit code 1: last words');
    const long = describeEnd({ run, exit: { ...exit, code: 1 }, klass: 'gpu', evidence: { ...nothing, matchedLine: 'x'.repeat(5_000) } });
    expect(long).toHaveLength('ended with exit code 1: '.length + 300);
  });
});

function startedRun(s: Script) {
  const phase = s.state.engines[0]?.phase;
  if (phase === undefined || !('run' in phase)) throw new Error('cannot go on: it does not live');
  return phase.run;
}
