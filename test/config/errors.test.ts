import { describe, expect, it } from 'vitest';
import { marked, onePool, problemsOf } from './reading.ts';

const COMMAND = 'command: [sleep, "9"]';

/** Each config has exactly this one problem, where the ¦ stands, and it keeps the daemon from starting. */
describe('one error each', () => {
  it.each<[string, string, string]>([
    ['a text that is no map', '¦just text', 'cannot use "just text": a map with pools is needed'],
    ['broken YAML', 'pools: [¦', 'cannot read the YAML: '],
    ['a doubled key', 'log: {}\n¦log: {}\npools: {}', 'log: cannot use "log" twice in one map'],
    ['a tag', 'log: !!binary ¦aGk=\npools: {}', 'log: cannot use this value: only maps'],
    ['a key that JavaScript knows', 'pools: { ¦__proto__: {} }', 'pools.__proto__: cannot use __proto__ as a key'],
    ['an unknown alias', 'pools: ¦*x', 'pools: cannot use *x: no anchor &x before it'],
    ['an unknown top key', '¦sidecars: {}\npools: {}', 'sidecars: cannot use "sidecars": unknown key; known here: listen, '],
    ['a misspelled top key', '¦prots: [1, 2]', 'prots: cannot use "prots": unknown key; did you mean "ports"?'],
    ['a pool key at the top', '¦replicas: 2', 'replicas: cannot use "replicas": unknown key; it is a key of a pool'],
    [
      'a misspelled pool key',
      onePool(['¦startTimout: 1s']),
      'pools.p.startTimout: cannot use "startTimout": unknown key; did you mean "startTimeout"?',
    ],
    [
      'an unknown key with nothing behind it',
      onePool(['¦start_timeout:']),
      'pools.p.start_timeout: cannot use "start_timeout": unknown key; did you mean "startTimeout"?',
    ],
    ['an engine key one level too high', onePool(['¦user: a']), 'pools.p.user: cannot use "user": unknown key; did you mean engine.user?'],
    ['a key of a later part', '¦shutdown: {}\npools: {}', 'shutdown: cannot use "shutdown": unknown key; known here: '],
    [
      'an unknown key of the socket',
      'listen: { socket: { ¦owner: a } }',
      'listen.socket.owner: cannot use "owner": unknown key; known here: mode, group, leaseGroup',
    ],
    ['a bad group of lease.sock', 'listen: { socket: { leaseGroup: ¦"a b" } }', 'listen.socket.leaseGroup: cannot use "a b": a group name'],
    [
      'an unknown key in a probe',
      onePool(['probes: { liveness: { httpGet: { ¦pth: / } } }']),
      'pools.p.probes.liveness.httpGet.pth: cannot use "pth": unknown key; did you mean "path"?',
    ],
    ['pools that are a list', 'pools: ¦[]', 'pools: cannot use a list: a map of pools is needed'],
    ['a bad pool name', `pools: { ¦Chat: { engine: { ${COMMAND} } } }`, 'pools.Chat: cannot use "Chat": a pool name of 1 to 63'],
    ['a pool with nothing in it', 'pools:\n  ¦p:', 'pools.p.engine.command: cannot start an engine without a command'],
    ['a pool that is text', 'pools: { p: ¦x }', 'pools.p: cannot use "x": a map of pool keys is needed'],
    ['a missing command', 'pools: { p: { ¦engine: { version: a } } }', 'pools.p.engine.command: cannot start an engine without a command'],
    [
      'an empty command',
      onePool([], ['command: ¦[]']),
      'pools.p.engine.command: cannot use a list: a list of texts, program first is needed',
    ],
    ['an empty program', onePool([], ['command: ¦["", a]']), 'pools.p.engine.command: cannot run it without a program'],
    ['a command line', onePool([], ['command: ¦"sleep 9"']), 'pools.p.engine.command: cannot use "sleep 9": a list of texts'],
    ['a number in a command', onePool([], ['command: [sleep, ¦9]']), 'pools.p.engine.command[1]: cannot use 9: text is needed, write "9"'],
    [
      'an environment value that is empty',
      onePool([], [COMMAND, 'env: { A: ¦}']),
      'pools.p.engine.env.A: cannot do without it: text is needed',
    ],
    ['a bad environment name', onePool([], [COMMAND, 'env: { ¦A-B: x }']), 'pools.p.engine.env.A-B: cannot use "A-B": an environment name'],
    [
      'a duration without unit',
      onePool(['startTimeout: ¦120']),
      'pools.p.startTimeout: cannot use 120: a duration above 0s like 500ms, 10s, 5m or 2h is needed, write 120s',
    ],
    ['a startTimeout of 0s', onePool(['startTimeout: ¦0s']), 'pools.p.startTimeout: cannot use "0s": a duration above 0s'],
    ['a size without unit', onePool(['logs: { maxSize: ¦64 }']), 'pools.p.logs.maxSize: cannot use 64: a size like'],
    [
      'an unknown kind',
      onePool(['kind: ¦llama']),
      'pools.p.kind: cannot use "llama": one of worker, llama-server, vllm is needed; did you mean "llama-server"?',
    ],
    ['a bad signal', onePool([], [COMMAND, 'stopSignal: ¦TERM']), 'pools.p.engine.stopSignal: cannot use "TERM": one of SIGTERM, '],
    [
      'a signal that only freezes',
      onePool([], [COMMAND, 'stopSignal: ¦SIGSTOP']),
      'pools.p.engine.stopSignal: cannot use "SIGSTOP": one of SIGTERM, ',
    ],
    ['no replicas', onePool(['replicas: ¦0']), 'pools.p.replicas: cannot use 0: a whole number from 1 to 1000 is needed'],
    ['half a slot', onePool(['slots: ¦1.5']), 'pools.p.slots: cannot use 1.5: a whole number'],
    [
      'a restart limit below 1',
      onePool(['restartLimit: { count: ¦0 }']),
      'pools.p.restartLimit.count: cannot use 0: a whole number from 1',
    ],
    ['a storm below 1', onePool(['storm: { count: ¦0 }']), 'pools.p.storm.count: cannot use 0: a whole number from 1'],
    ['a threshold below 1', onePool(['breaker: { failureThreshold: ¦0 }']), 'pools.p.breaker.failureThreshold: cannot use 0'],
    [
      'a factor below 1',
      onePool(['backoff: { factor: ¦0.5 }']),
      'pools.p.backoff.factor: cannot use 0.5: a number from 1 to 100 is needed',
    ],
    ['a jitter above 1', onePool(['backoff: { jitter: ¦2 }']), 'pools.p.backoff.jitter: cannot use 2: a number from 0 to 1 is needed'],
    ['infinity', onePool(['backoff: { jitter: ¦.inf }']), 'pools.p.backoff.jitter: cannot use Infinity: a number from 0 to 1 is needed'],
    [
      'a broken crash pattern',
      onePool(['crashPatterns: [ { pattern: ¦"(", class: a } ]']),
      'pools.p.crashPatterns[0].pattern: cannot use "(": it is no regular expression: ',
    ],
    [
      "a pattern for one of poold's own classes",
      onePool(['crashPatterns: [ { pattern: bye, class: ¦clean } ]']),
      "pools.p.crashPatterns[0].class: cannot be clean: that class is poold's own",
    ],
    [
      'a crash pattern that explodes',
      onePool(['crashPatterns: [ { pattern: ¦"(a+)+", class: a } ]']),
      'pools.p.crashPatterns[0].pattern: cannot use "(a+)+": a repeated group',
    ],
    [
      'a broken settable pattern',
      onePool([], [COMMAND, 'vars: { m: a }', 'settable: { m: ¦"[" }']),
      'pools.p.engine.settable.m: cannot use "[": it is no regular expression',
    ],
    [
      'a settable pattern without anchors',
      onePool([], [COMMAND, 'vars: { m: a }', 'settable: { m: ¦"a" }']),
      'pools.p.engine.settable.m: cannot use "a": it must begin with ^ and end with $',
    ],
    [
      'settable without the variable',
      onePool([], [COMMAND, 'vars: { model: a }', 'settable: { modle: ¦"^a$" }']),
      'pools.p.engine.settable.modle: cannot be set: engine.vars has no "modle"; did you mean "model"?',
    ],
    [
      'a broken logLine',
      onePool(['probes: { startup: { logLine: { pattern: ¦"(" } } }']),
      'pools.p.probes.startup.logLine.pattern: cannot use "(": it is no',
    ],
    [
      'logLine beyond startup',
      onePool(['probes: { liveness: { ¦logLine: { pattern: a } } }']),
      'pools.p.probes.liveness.logLine: cannot use "logLine": unknown key',
    ],
    [
      'two ways to ask',
      onePool(['probes: { liveness: { tcpSocket: {}, exec: ¦{ command: [a] } } }']),
      'pools.p.probes.liveness.exec: cannot use tcpSocket and exec together',
    ],
    [
      'no way to ask',
      onePool(['probes: { liveness: ¦{ period: 5s } }']),
      'pools.p.probes.liveness: cannot probe without a way to ask: write httpGet, tcpSocket or exec',
    ],
    [
      'an exec without command',
      onePool(['probes: { liveness: { ¦exec: {} } }']),
      'pools.p.probes.liveness.exec.command: cannot run it without a command',
    ],
    [
      'a probe that is text',
      onePool(['probes: { liveness: ¦off }']),
      'pools.p.probes.liveness: cannot use "off": a probe or none is needed',
    ],
    [
      'progress without counter',
      onePool(['probes: { ¦progress: { busy: a } }']),
      'pools.p.probes.progress.counter: cannot see progress without counter',
    ],
    ['a hook without command', onePool(['¦onExit: { timeout: 1s }']), 'pools.p.onExit.command: cannot run it without a command'],
    [
      'an unknown template name',
      onePool([], ['command: [a, ¦"${prot}"]']),
      'pools.p.engine.command[1]: cannot fill in ${prot}: unknown name; did you mean "port"?',
    ],
    [
      'a shell variable',
      onePool([], [COMMAND, 'env: { A: ¦"${HOME}" }']),
      'pools.p.engine.env.A: cannot fill in ${HOME}: unknown name; known here: port, ',
    ],
    [
      'a name of Object',
      onePool([], ['command: [a, ¦"${constructor}"]']),
      'pools.p.engine.command[1]: cannot fill in ${constructor}: unknown name',
    ],
    [
      'an unknown variable',
      onePool([], ['command: [a, ¦"${vars.x}"]']),
      'pools.p.engine.command[1]: cannot fill in ${vars.x}: engine.vars has no "x"',
    ],
    ['an open template', onePool([], ['command: [a, ¦"${port"]']), 'pools.p.engine.command[1]: cannot read the template: ${ without a }'],
    [
      'a template in a probe',
      onePool(['probes: { liveness: { httpGet: { path: ¦"/${x}" } } }']),
      'pools.p.probes.liveness.httpGet.path: cannot fill in ${x}',
    ],
    [
      'an engine name in prepare',
      onePool([], [COMMAND, 'prepare: { command: [a, ¦"${port}"] }']),
      'pools.p.engine.prepare.command[1]: cannot fill in ${port} here: prepare runs once',
    ],
    [
      '${devices} without devices',
      onePool([], ['command: [a, ¦"${devices}"]']),
      'pools.p.engine.command[1]: cannot fill in ${devices}: the pool has no engine.devices',
    ],
    [
      'a fixed port with several replicas',
      onePool(['replicas: 2'], [COMMAND, 'port: ¦8000']),
      'pools.p.engine.port: cannot give port 8000 to 2 replicas: write auto, or a range [8000, 8001]',
    ],
    [
      'a range smaller than the replicas',
      onePool(['replicas: 3'], [COMMAND, 'port: ¦[8000, 8001]']),
      'pools.p.engine.port: cannot give 3 replicas a port each',
    ],
    ['a range upside down', onePool([], [COMMAND, 'port: ¦[8001, 8000]']), 'pools.p.engine.port: cannot use a list: '],
    ['a port too high', onePool([], [COMMAND, 'port: ¦70000']), 'pools.p.engine.port: cannot use 70000: '],
    [
      'fewer devices than replicas',
      onePool(['replicas: 2'], [COMMAND, 'devices: ¦["0"]']),
      'pools.p.engine.devices: cannot give 2 replicas a device each: it has 1 entry',
    ],
    ['a device that is a number', onePool([], [COMMAND, 'devices: [¦0]']), 'pools.p.engine.devices[0]: cannot use 0: a device like "0"'],
    ['LD_PRELOAD', onePool([], [COMMAND, 'env: { LD_PRELOAD: ¦a }']), 'pools.p.engine.env.LD_PRELOAD: cannot set LD_PRELOAD'],
    ['a name of poold', onePool([], [COMMAND, 'env: { POOLD_POOL: ¦a }']), 'pools.p.engine.env.POOLD_POOL: cannot set POOLD_POOL'],
    [
      'NOTIFY_SOCKET from a file',
      onePool([], [COMMAND, 'envFrom: { NOTIFY_SOCKET: ¦{ file: a } }']),
      'pools.p.engine.envFrom.NOTIFY_SOCKET: cannot set NOTIFY_SOCKET',
    ],
    [
      'devices set twice',
      onePool([], [COMMAND, 'devices: ["0"]', 'env: { CUDA_VISIBLE_DEVICES: ¦"1" }']),
      'pools.p.engine.env.CUDA_VISIBLE_DEVICES: cannot set CUDA_VISIBLE_DEVICES: engine.devices decides it',
    ],
    [
      'one name in env and envFrom',
      onePool([], [COMMAND, 'env: { A: b }', 'envFrom: { A: ¦{ file: a } }']),
      'pools.p.engine.envFrom.A: cannot take A from a file: engine.env sets it too',
    ],
    ['advertise that is no URL', onePool([], [COMMAND, 'advertise: ¦"gpu1"']), 'pools.p.engine.advertise: cannot use "gpu1": a URL like'],
    [
      'never ready',
      onePool(['startTimeout: 1s', 'readyAfter: ¦2s']),
      'pools.p.readyAfter: cannot ever be ready: readyAfter 2s is not below startTimeout 1s',
    ],
    ['TCP without tokens', 'listen: { ¦tcp: { port: 9200 } }\npools: {}', 'listen.tcp.tokensFile: cannot open TCP without tokens'],
    ['TCP without port', 'listen: { ¦tcp: { tokensFile: a } }\npools: {}', 'listen.tcp.port: cannot listen without a port'],
    [
      'TCP beyond loopback without TLS',
      'listen: { tcp: { host: ¦0.0.0.0, port: 9200, tokensFile: a } }\npools: {}',
      'listen.tcp.host: cannot open TCP on 0.0.0.0 without tls',
    ],
    [
      'half of TLS',
      'listen: { tcp: { port: 9200, tokensFile: a, ¦tls: { cert: a } } }\npools: {}',
      'listen.tcp.tls.key: cannot do without it: ',
    ],
    ['metrics without port', 'listen: { ¦metrics: {} }\npools: {}', 'listen.metrics.port: cannot listen without a port'],
    [
      'a mode that YAML took for a number',
      'listen: { socket: { mode: ¦660 } }\npools: {}',
      'listen.socket.mode: cannot use 660: an octal mode in quotes',
    ],
    [
      'a host with a slash',
      'listen: { metrics: { host: ¦"a/b", port: 1 } }\npools: {}',
      'listen.metrics.host: cannot use "a/b": a host name or an address is needed',
    ],
    [
      'auto ports that run out',
      `ports: ¦[20000, 20001]\n${onePool(['replicas: 3'])}`,
      'ports: cannot give 3 engines with port: auto a port each: [20000, 20001] has 2 left',
    ],
  ])('%s', (_, text, expected) => {
    const [config, at] = marked(text);
    const problems = problemsOf(config, 'error');
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`${at}: ${expected}`);
  });
});

describe('ports of several pools', () => {
  const pool = (name: string, engine: string): string => `  ${name}: { engine: { command: [a], ${engine} } }\n`;

  it('have one owner', () => {
    expect(problemsOf(`pools:\n${pool('a', 'port: 8000')}${pool('b', 'port: 8000')}`)).toEqual([
      '3:38: pools.b.engine.port: cannot use port 8000: pool a has it',
    ]);
  });

  it('may be the same on other addresses, but not where one pool listens everywhere', () => {
    expect(problemsOf(`pools:\n${pool('a', 'port: 8000')}${pool('b', 'port: 8000, host: 10.0.0.1')}`)).toEqual([]);
    expect(problemsOf(`pools:\n${pool('a', 'port: 8000')}${pool('b', 'port: 8000, host: 0.0.0.0')}`)).toHaveLength(1);
  });

  it('are not those of poold itself', () => {
    expect(problemsOf(`listen: { metrics: { port: 8000 } }\npools:\n${pool('a', 'port: 8000')}`)).toEqual([
      '3:38: pools.a.engine.port: cannot use port 8000: listen.metrics has it',
    ]);
  });

  it('leave enough of a range', () => {
    expect(problemsOf(`pools:\n${pool('a', 'port: 8000')}${pool('b', 'port: [8000, 8000]')}`)).toEqual([
      '3:38: pools.b.engine.port: cannot give 1 replica a port each: fixed ports elsewhere leave 0 of [8000, 8000]',
    ]);
  });
});

describe('many problems', () => {
  it('are all reported at once, in the order of the file', () => {
    const problems = problemsOf(`log: { level: loud }
defaults:
  engine: { env: { A: "\${nope}" } }
pools:
  one:
    engine: { command: [a, 1, "\${vars.x}"], stopSignal: SIGX }
    startTimeout: 5
    probes: { liveness: { period: 1s } }
  two:
    replica: 2
    engine: { command: [a], port: 80 }
    replicas: 2
`);
    expect(problems.map((line) => line.split(': ').slice(0, 2).join(' '))).toEqual([
      '1:15 log.level',
      '3:23 defaults.engine.env.A',
      '6:28 pools.one.engine.command[1]',
      '6:31 pools.one.engine.command[2]',
      '6:57 pools.one.engine.stopSignal',
      '7:19 pools.one.startTimeout',
      '8:25 pools.one.probes.liveness',
      '10:5 pools.two.replica',
      '11:35 pools.two.engine.port',
    ]);
  });

  it('are bounded', () => {
    const keys = Array.from({ length: 3_000 }, (_, index) => `  Bad${index}: {}`).join('\n');
    expect(problemsOf(`pools:\n${keys}`)).toHaveLength(1_000);
  });
});

it('what is only missing because it was wrong is no second problem', () => {
  const [config, at] = marked(onePool(['probes: { liveness: { httpGet: { port: 0 } } }'], ['command: [a]', 'port: ¦[1]']));
  expect(problemsOf(config).map((line) => line.split(': ').slice(0, 2))).toEqual([
    [at, 'pools.p.engine.port'],
    [expect.any(String), 'pools.p.probes.liveness.httpGet.port'],
  ]);
});

describe('a YAML bomb', () => {
  it('is refused by the number of its values', () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) =>
        `l${level}: &l${level} [${Array(9)
          .fill(level === 0 ? 'x' : `*l${level - 1}`)
          .join(', ')}]`,
    );
    expect(problemsOf(levels.join('\n'))[0]).toMatch(/cannot read on: more than 500000 values, aliases expanded$/);
  });

  it('is refused by its depth', () => {
    expect(problemsOf(`a: ${'['.repeat(100)}${']'.repeat(100)}`)[0]).toMatch(/nested more than 40 deep/);
    expect(problemsOf('['.repeat(100_000))[0]).toMatch(/cannot read/);
    expect(problemsOf('a: &a [*a]')[0]).toMatch(/nested more than 40 deep|cannot read/);
  });
});
