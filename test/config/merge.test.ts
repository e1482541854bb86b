import { describe, expect, it } from 'vitest';
import { poolOf, problemsOf, specOf } from './reading.ts';

describe('merging kind, defaults and pool', () => {
  it('goes key by key through maps', () => {
    const pool = poolOf(`
defaults: { backoff: { delay: 3s }, engine: { env: { A: a, B: b } } }
pools: { p: { backoff: { limit: 9s }, engine: { command: [x], env: { B: c } } } }`);
    expect(pool.backoff).toMatchObject({ delayMs: 3_000, limitMs: 9_000, factor: 2 });
    expect(pool.engine.env).toEqual({ A: 'a', B: 'c' });
  });

  it('replaces lists', () => {
    const pool = poolOf(`
defaults: { crashPatterns: [ { pattern: a, class: one } ], engine: { command: [x, y, z] } }
pools: { p: { crashPatterns: [ { pattern: b, class: two } ], engine: { command: [w] } } }`);
    expect(pool.engine.command).toEqual(['w']);
    expect(pool.crashPatterns[0]).toEqual({ pattern: 'b', class: 'two' });
    expect(pool.crashPatterns.map((entry) => entry.class)).not.toContain('one');
  });

  it('replaces the way of a probe to ask and keeps its times', () => {
    const pool = poolOf(
      'pools: { p: { kind: llama-server, engine: { command: [x, "${port}"] }, probes: { liveness: { exec: { command: [ask] } } } } }',
    );
    expect(pool.probes.liveness).toEqual({
      action: { by: 'exec', command: ['ask'] },
      periodMs: 5_000,
      timeoutMs: 5_000,
      successThreshold: 1,
      failureThreshold: 6,
    });
  });

  it('adds to the same way to ask', () => {
    const pool = poolOf(
      'pools: { p: { kind: vllm, engine: { command: [x, "${port}"] }, probes: { liveness: { httpGet: { headers: { A: b } } } } } }',
    );
    expect(pool.probes.liveness?.action).toEqual({ by: 'httpGet', path: '/health', port: null, headers: { A: 'b' } });
  });

  it('does not take a variable for a way to ask', () => {
    const pool = poolOf('defaults: { engine: { env: { exec: a } } }\npools: { p: { engine: { command: [x], env: { httpGet: b } } } }');
    expect(pool.engine.env).toEqual({ exec: 'a', httpGet: 'b' });
  });

  it('takes away what the kind says with none', () => {
    const pool = poolOf('pools: { p: { kind: vllm, engine: { command: [x, "${port}"] }, probes: { liveness: none, progress: none } } }');
    expect([pool.probes.liveness, pool.probes.progress, pool.probes.readiness === null]).toEqual([null, null, false]);
  });

  it('takes a hook of defaults away with none', () => {
    const pool = poolOf(
      'defaults: { onExit: { command: [a] }, stop: { command: [b] } }\npools: { p: { engine: { command: [x] }, onExit: none, stop: { command: none } } }',
    );
    expect([pool.onExit, pool.stop.command]).toEqual([null, null]);
  });

  it('takes the kind from defaults', () => {
    const { pools } = specOf(
      'defaults: { kind: vllm }\npools: { a: { engine: { command: [x, "${port}"] } }, b: { kind: worker, engine: { command: [x] } } }',
    );
    expect(pools.map(({ kind, restart }) => [kind, restart])).toEqual([
      ['vllm', 'always'],
      ['worker', 'on-failure'],
    ]);
  });

  it('counts a key with nothing behind it as not written', () => {
    const pool = poolOf(
      'pools:\n  p:\n    engine:\n      command: [x, "${port}"]\n      env:\n    kind: vllm\n    probes:\n    restart:\n',
    );
    expect([pool.restart, pool.engine.env, pool.probes.liveness === null]).toEqual(['always', {}, false]);
  });

  it('does not carry anything from one pool to the next', () => {
    const { pools } = specOf(
      'pools: { a: { engine: { command: [x], env: { A: a } }, backoff: { classes: { oom: 3 } } }, b: { engine: { command: [x] } } }',
    );
    expect([pools[1]?.engine.env, pools[1]?.backoff.classes]).toEqual([{}, { gpu: 2 }]);
  });

  it('reports what is wrong in defaults once, where it stands', () => {
    const text =
      'defaults: { engine: { env: { A: "${nope}" } } }\npools: { a: { engine: { command: [x] } }, b: { engine: { command: [x] } } }';
    expect(problemsOf(text)).toHaveLength(1);
    expect(problemsOf(text)[0]).toMatch(/^1:33: defaults\.engine\.env\.A: /);
  });
});

describe('paths', () => {
  const pool = poolOf(`
pools:
  p:
    engine:
      command: [./run, "\${configDir}/a", "$\${configDir}", plain/arg]
      prepare: { command: [../fetch] }
      workingDirectory: work
      envFrom: { TOKEN: { file: token } }
    probes: { liveness: { exec: { command: [bin/ask] } } }
    onExit: { command: [/bin/true] }
    stop: { command: ["\${vars.x}/stop"] }
defaults: { engine: { vars: { x: /x } } }`);

  it('start from the directory of the file', () => {
    expect(pool.engine.command).toEqual(['/etc/poold/run', '/etc/poold/a', '$${configDir}', 'plain/arg']);
    expect(pool.engine.prepare?.command).toEqual(['/etc/fetch']);
    expect(pool.engine.workingDirectory).toBe('/etc/poold/work');
    expect(pool.engine.envFrom).toEqual({ TOKEN: { file: '/etc/poold/token' } });
    expect(pool.probes.liveness?.action).toEqual({ by: 'exec', command: ['/etc/poold/bin/ask'] });
  });

  it('stay as they are where they are absolute or begin with a template', () => {
    expect(pool.onExit?.command).toEqual(['/bin/true']);
    expect(pool.stop.command).toEqual(['${vars.x}/stop']);
  });

  it('of the daemon too', () => {
    const { daemon } = specOf(
      'listen: { tcp: { port: 1, tokensFile: t, tls: { cert: c, key: /k } } }\nhandoff: { external: h }\npools: {}',
    );
    expect(daemon.listen.tcp).toMatchObject({ tokensFile: '/etc/poold/t', tls: { cert: '/etc/poold/c', key: '/k' } });
    expect(daemon.handoff.external).toBe('/etc/poold/h');
  });
});
