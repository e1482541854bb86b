/** How a pool is used and replaced: `inUse`, `leases`, `queue`, `reload`. Each text has one problem, where the ¦ stands. */
import { describe, expect, it } from 'vitest';
import { marked, onePool, poolOf, problemsOf } from './reading.ts';

const COMMAND = 'command: [sleep, "9"]';

function isOneProblem(text: string, expected: string): void {
  const [config, at] = marked(text);
  const problems = problemsOf(config);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`${at}: ${expected}`);
}

describe('one error each', () => {
  it.each<[string, string, string]>([
    ['inUse without gauge', onePool(['¦inUse: { period: 1s }']), 'pools.p.inUse.gauge: cannot tell who uses an engine without a gauge'],
    [
      'inUse that does not ask over HTTP',
      onePool(['inUse: { gauge: a, ¦tcpSocket: {} }']),
      'pools.p.inUse.tcpSocket: cannot use "tcpSocket": unknown key; known here: httpGet, period, timeout, gauge',
    ],
    ['a gauge that is no name', onePool(['inUse: { gauge: ¦"a b" }']), 'pools.p.inUse.gauge: cannot use "a b": the name of a metric'],
    [
      'a template in inUse',
      onePool(['inUse: { gauge: a, httpGet: { port: 1, headers: { A: ¦"${x}" } } }']),
      'pools.p.inUse.httpGet.headers.A: cannot fill in ${x}: unknown name',
    ],
    [
      'a ttl below 100ms',
      onePool(['leases: { ttl: ¦99ms }']),
      'pools.p.leases.ttl: cannot use "99ms": a duration of at least 100ms like 500ms, 10s, 5m or 2h is needed',
    ],
    [
      'a ttl above its limit',
      onePool(['leases: { ttl: ¦2h }']),
      'pools.p.leases.ttl: cannot give leases of 2h: leases.ttlMax is 1h; lower leases.ttl or raise leases.ttlMax',
    ],
    [
      'a limit below the ttl',
      onePool(['leases: { ttlMax: ¦10s }']),
      'pools.p.leases.ttlMax: cannot give leases of 30s: leases.ttlMax is 10s',
    ],
    ['a negative queue', onePool(['queue: { limit: ¦-1 }']), 'pools.p.queue.limit: cannot use -1: a whole number from 0 to 100000'],
    ['no time to wait', onePool(['queue: { timeout: ¦0s }']), 'pools.p.queue.timeout: cannot use "0s": a duration above 0s'],
    [
      'an unknown strategy',
      onePool(['reload: { strategy: ¦bluegreen }']),
      'pools.p.reload.strategy: cannot use "bluegreen": one of auto, recreate, rolling, blue-green is needed; did you mean "blue-green"?',
    ],
    [
      'blue-green with a fixed port',
      onePool(['reload: { strategy: ¦blue-green }'], [COMMAND, 'port: 8000']),
      'pools.p.reload.strategy: cannot reload blue-green: engine.port is one fixed port, and two engines cannot share it; write strategy: rolling',
    ],
    [
      'blue-green with devices',
      onePool(['reload: { strategy: ¦blue-green }'], [COMMAND, 'devices: ["0", "1"]']),
      'pools.p.reload.strategy: cannot reload blue-green: each entry of engine.devices belongs to its replica',
    ],
    [
      'blue-green with devices, for all pools',
      `defaults: { reload: { strategy: ¦blue-green } }\n${onePool([], [COMMAND, 'devices: ["0"]'])}`,
      'defaults.reload.strategy: cannot reload blue-green: each entry',
    ],
    [
      'blue-green with a range that is too small',
      onePool(['replicas: 2', 'reload: { strategy: ¦blue-green }'], [COMMAND, 'port: [8000, 8002]']),
      'pools.p.reload.strategy: cannot reload blue-green: engine.port has 3 ports, 4 are needed, 2 per replica',
    ],
    [
      'rolling with nothing to roll by',
      onePool(['reload: { strategy: rolling, maxSurge: ¦0 }']),
      'pools.p.reload.maxSurge: cannot replace any engine: maxSurge and maxUnavailable are both 0; raise one of them',
    ],
    [
      'auto that comes to rolling with nothing to roll by',
      onePool(['reload: { maxSurge: ¦0 }'], [COMMAND, 'port: [8000, 8009]']),
      'pools.p.reload.maxSurge: cannot replace any engine',
    ],
  ])('%s', (_, text, expected) => isOneProblem(text, expected));
});

describe('one warning each', () => {
  it.each<[string, string, string]>([
    [
      'a hold below the ttl',
      onePool(['leases: { maxHold: ¦10s }']),
      'pools.p.leases.maxHold: warning: cannot let a lease last its ttl of 30s: leases.maxHold ends it after 10s',
    ],
    [
      'a surge beside devices',
      onePool(['reload: { maxSurge: ¦2 }'], [COMMAND, 'devices: ["0"]']),
      'pools.p.reload.maxSurge: warning: cannot be 2: each entry of engine.devices belongs to its replica; engines are replaced in their place, with maxSurge 0 and maxUnavailable 1',
    ],
    [
      'a surge beside a fixed port',
      onePool(['reload: { strategy: rolling, maxSurge: ¦1, maxUnavailable: 3 }'], [COMMAND, 'port: 8000']),
      'pools.p.reload.maxSurge: warning: cannot be 1: engine.port is one fixed port; engines are replaced in their place, with maxSurge 0 and maxUnavailable 3',
    ],
    [
      'a user count that asks a port the engine is not told',
      'pools: { p: { ¦engine: { command: [a] }, inUse: { gauge: a } } }',
      'pools.p.engine.port: warning: cannot be of use: the engine is never told its port',
    ],
  ])('%s', (_, text, expected) => isOneProblem(text, expected));
});

describe('no warning', () => {
  it.each<[string, string]>([
    ['for no surge where there is none', onePool(['reload: { maxSurge: 0 }'], [COMMAND, 'port: 8000'])],
    ['for a surge that recreate does not need', onePool(['reload: { strategy: recreate, maxSurge: 1 }'], [COMMAND, 'port: 8000'])],
    ['for auto that comes to blue-green', onePool(['reload: { maxSurge: 0, maxUnavailable: 0 }'])],
    ['for no limit of holding', onePool(['leases: { maxHold: 0s }'])],
  ])('%s', (_, text) => expect(problemsOf(text)).toEqual([]));
});

it.each(['port: 8000', 'devices: ["0"]'])('with %s engines are replaced in their place, whatever the strategy', (key) => {
  const reload = (own: string) => poolOf(onePool([`reload: { ${own} }`], [COMMAND, key])).reload;
  expect(reload('')).toEqual({ strategy: 'auto', maxSurge: 0, maxUnavailable: 1, soakMs: 5_000 });
  expect(reload('strategy: rolling, maxSurge: 2, maxUnavailable: 3')).toMatchObject({ maxSurge: 0, maxUnavailable: 3 });
});

it('a range of ports leaves the surge as it was written', () => {
  expect(poolOf(onePool([], [COMMAND, 'port: [8000, 8001]'])).reload).toMatchObject({ maxSurge: 1, maxUnavailable: 0 });
});
