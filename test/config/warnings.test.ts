import { describe, expect, it } from 'vitest';
import { marked, onePool, problemsOf } from './reading.ts';

const COMMAND = 'command: [sleep, "9"]';

/** Each config has this one problem, where the ¦ stands, and the daemon starts with it. */
describe('one warning each', () => {
  it.each<[string, string, string]>([
    ['no pools', 'pools: ¦{}', 'pools: warning: cannot keep anything alive: there are no pools'],
    ['an empty file', '¦', 'pools: warning: cannot keep anything alive'],
    [
      'an auto port that nothing uses',
      onePool([], [COMMAND, 'port: ¦auto']),
      'pools.p.engine.port: warning: cannot be of use: nothing takes the port',
    ],
    [
      'a probe of an auto port that the engine is not told',
      'pools: { p: { ¦engine: { command: [a] }, probes: { liveness: { tcpSocket: {} } } } }',
      'pools.p.engine.port: warning: cannot be of use: the engine is never told its port',
    ],
    [
      'an advertised auto port that the engine is not told',
      'pools: { p: { ¦engine: { command: [a], advertise: "http://a:${port}" } } }',
      'pools.p.engine.port: warning: cannot be of use: the engine is never told its port',
    ],
    [
      'a limiter that the breakers always precede',
      onePool(['restartLimit: { count: ¦20 }']),
      'pools.p.restartLimit.count: warning: cannot ever hold a restart back: at most 8 restarts fall into 1m',
    ],
    [
      'a storm that the breakers always precede',
      onePool(['storm: { count: ¦5 }']),
      'pools.p.storm.count: warning: cannot ever be reached: at most 4 restarts fall into 30s',
    ],
    [
      'a storm that the limiter never lets happen',
      onePool(['breaker: { failureThreshold: 9 }', 'restartLimit: { count: 3 }', 'storm: { count: ¦5 }']),
      'pools.p.storm.count: warning: cannot ever be a storm: 5 restarts in 30s are needed, the restart limit lets only 3 through',
    ],
    [
      'a limiter that the storm always precedes',
      onePool(['replicas: 4', 'restartLimit: { count: ¦9 }', 'storm: { count: 9, window: 60s }']),
      'pools.p.restartLimit.count: warning: cannot ever hold a restart back: the storm (9 in 1m) opens the breaker before there are more than 9 restarts in 1m',
    ],
    [
      'a breaker that the storm precedes',
      onePool(['storm: { count: ¦3 }']),
      'pools.p.storm.count: warning: cannot open the breaker of an engine that fails at once: 3 restarts in 30s are a storm before its failure number 5',
    ],
    [
      'a delay above its limit',
      onePool(['backoff: { delay: ¦90s }']),
      'pools.p.backoff.delay: warning: cannot be 90s: backoff.limit is 1m and wins',
    ],
    [
      'an openFor above its limit',
      onePool(['breaker: { openFor: ¦2h }']),
      'pools.p.breaker.openFor: warning: cannot be 2h: breaker.openForMax is 1h and wins',
    ],
    [
      'a class that no pattern gives',
      onePool(['breaker: { classes: { gpuu: ¦{ failureThreshold: 3 } } }']),
      'pools.p.breaker.classes.gpuu: warning: cannot ever act: no crash is of class "gpuu", as no pattern gives it; did you mean "gpu"?',
    ],
    [
      'a stall that no question falls into',
      onePool(['probes: { progress: { httpGet: { port: 1 }, busy: a, counter: b, stall: ¦5s } }']),
      'pools.p.probes.progress.stall: warning: cannot tell a stall: stall 5s is not above period 5s',
    ],
    [
      'a value that its own pattern refuses',
      onePool([], [COMMAND, 'vars: { m: a }', 'settable: { m: ¦"^b$" }']),
      'pools.p.engine.settable.m: warning: cannot match the file\'s own value "a"',
    ],
    ['a NUL', onePool([], ['command: [a, ¦"b\\0c"]']), 'pools.p.engine.command[1]: warning: cannot reach a process: it holds a NUL'],
    [
      'a socket for everybody',
      `listen: { socket: { mode: ¦"0666" } }\n${onePool()}`,
      'listen.socket.mode: warning: cannot keep anybody out',
    ],
  ])('%s', (_, text, expected) => {
    const [config, at] = marked(text);
    const problems = problemsOf(config);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`${at}: ${expected}`);
  });
});

describe('no warning', () => {
  it.each<[string, string]>([
    ['for a plain worker', onePool()],
    ['for many replicas with the defaults', onePool(['replicas: 50'])],
    ['for an LLM kind', onePool(['kind: vllm'], ['command: [a, "${port}"]'])],
    ['for an auto port in the environment', onePool([], [COMMAND, 'port: auto', 'env: { PORT: "${port}" }'])],
    ['for a fixed port that a probe asks', onePool(['probes: { liveness: { tcpSocket: {} } }'], [COMMAND, 'port: 8000'])],
    ['for a limiter and a storm that can act', onePool(['replicas: 4', 'restartLimit: { count: 8 }', 'storm: { count: 6, window: 10s }'])],
    [
      'for a class of an own pattern',
      onePool(['backoff: { classes: { licence: 3 } }', 'crashPatterns: [ { pattern: a, class: licence } ]']),
    ],
    ['for a literal ${', onePool([], ['command: [sh, "$${HOME}"]'])],
  ])('%s', (_, text) => {
    expect(problemsOf(text)).toEqual([]);
  });
});
