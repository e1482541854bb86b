import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readConfig } from '../../src/config/load.ts';
import { nearest } from '../../src/config/nearest.ts';
import { patternFault } from '../../src/config/pattern.ts';
import { printConfig } from '../../src/config/print.ts';

const KEYS = [
  'pools',
  'defaults',
  'listen',
  'tcp',
  'engine',
  'command',
  'port',
  'env',
  'probes',
  'liveness',
  'httpGet',
  'exec',
  'backoff',
  'classes',
  'replicas',
  'p',
  '__proto__',
  'constructor',
  'toString',
  '',
  '0',
];
const LEAVES = ['auto', '10s', '64MiB', '${port}', '${', 'none', '[', '(a+)+', '\0', 'vllm', '\ud800'];

const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom<unknown>(...LEAVES, null, true, 0, -1, 1.5, 8000, Number.NaN),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.array(fc.tuple(fc.constantFrom(...KEYS), tie('any')), { maxLength: 5 }).map((entries) => new Map(entries)),
  ),
})).any;

function read(text: string) {
  const { spec, problems } = readConfig(text, { file: 'f', directory: '/etc/poold' });
  for (const problem of problems) {
    expect(problem.message).toMatch(/^cannot /);
    expect(problem.line).toBeGreaterThan(0);
    expect(problem.column).toBeGreaterThan(0);
  }
  expect(spec === null).toBe(problems.some(({ severity }) => severity === 'error'));
  return spec;
}

describe('no input makes it throw', () => {
  it('random text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]:,&*!|>-#"\'\n\t %@`?a1'), maxLength: 60 }), (text) => void read(text)),
      { numRuns: 500 },
    );
  });

  it('random trees of known and unknown keys', () => {
    fc.assert(
      fc.property(value, (tree) => void read(stringify(tree))),
      { numRuns: 500 },
    );
  });

  it('random trees inside of a pool', () => {
    fc.assert(
      fc.property(value, value, (pool, defaults) => void read(stringify({ defaults, pools: { p: pool } }))),
      { numRuns: 300 },
    );
  });

  it('random patterns and words', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'()[]{}*+?|\\^$.,:=!<>0123ab'), maxLength: 20 }),
        (text) => patternFault(text) === null || patternFault(text) !== '',
      ),
    );
    fc.assert(fc.property(fc.string(), fc.array(fc.string()), (word, words) => [null, ...words].includes(nearest(word, words))));
  });
});

it('what is good reads back from what is printed', () => {
  const text = fc.string({ unit: fc.constantFrom(...'ab 0:#"\'{}[]\n-%ü'), maxLength: 12 });
  const ms = (min: number) => fc.integer({ min, max: 10_000_000 }).map((value) => `${value}ms`);
  const pool = fc.record({
    engine: fc.record({
      command: fc.array(text, { maxLength: 3 }).map((words) => ['x', ...words]),
      env: fc.dictionary(fc.constantFrom('A', 'B', 'PATH'), text),
      vars: fc.dictionary(fc.constantFrom('x', 'y'), text),
      limits: fc.record({ memory: fc.integer({ min: 2 ** 20, max: 2 ** 40 }).map((bytes) => `${bytes}B`), bestEffort: fc.boolean() }),
    }),
    replicas: fc.integer({ min: 1, max: 9 }),
    startTimeout: ms(2_000),
    inUse: fc.record({
      gauge: fc.constantFrom('a', 'b:c'),
      httpGet: fc.record({ port: fc.integer({ min: 1, max: 65_535 }) }),
      period: ms(1),
    }),
    leases: fc.record({ ttl: ms(100), ttlMax: fc.constant('20000s'), maxHold: ms(0) }),
    queue: fc.record({ limit: fc.nat(100_000), timeout: ms(1), claim: ms(1), aging: ms(0) }),
    drain: fc.record({ deadline: ms(0) }),
    reload: fc.record({
      strategy: fc.constantFrom('auto', 'recreate', 'rolling', 'blue-green'),
      maxSurge: fc.integer({ min: 1, max: 9 }),
      maxUnavailable: fc.nat(9),
      soak: ms(0),
    }),
    backoff: fc.record({ factor: fc.double({ min: 1, max: 100, noNaN: true }), jitter: fc.double({ min: 0, max: 1, noNaN: true }) }),
  });
  fc.assert(
    fc.property(pool, (p) => {
      const spec = read(stringify({ pools: { p } }));
      expect(spec && read(printConfig(spec))).toEqual(spec);
      expect(spec).not.toBeNull();
    }),
    { numRuns: 200 },
  );
});
