import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../src/config/check.ts';
import { initConfig } from '../../src/config/init.ts';
import { loadConfig, readConfig } from '../../src/config/load.ts';
import { configJsonSchema } from '../../src/config/schema.ts';

const SAMPLES = [
  'config/poold.yaml',
  'config/demo.yaml',
  'config/examples/llama-server.yaml',
  'config/examples/vllm.yaml',
  'config/examples/nginx.yaml',
  'config/examples/redis.yaml',
  'test/config/contract.yaml',
  'test/config/everything.yaml',
];

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

describe('check', () => {
  // The contract's example shows a default that its devices do not let it keep.
  it.each(SAMPLES.filter((name) => !name.endsWith('contract.yaml')))('%s is good, without a warning', (name) => {
    const checked = checkConfig({ file: path(name), print: false });
    expect(checked).toMatchObject({ stderr: '', exitCode: 0 });
    expect(checked.stdout).toMatch(/^\S+: good: \d pools?\n$/);
  });

  it.each(SAMPLES)('%s printed in full reads back to the same spec', (name) => {
    const printed = checkConfig({ file: path(name), print: true });
    expect(printed.exitCode).toBe(0);
    const again = readConfig(printed.stdout, { file: 'printed', directory: '/elsewhere' });
    expect(again.problems).toEqual([]);
    expect(again.spec).toEqual(loadConfig({ file: path(name) }).spec);
  });

  it('prints durations and sizes as people write them, and every probe', () => {
    const { stdout } = checkConfig({ file: path('config/examples/vllm.yaml'), print: true });
    expect(stdout).toContain('startTimeout: 15m');
    expect(stdout).toContain('maxSize: 64MiB');
    expect(stdout).toContain('counter: vllm:generation_tokens_total');
    expect(stdout).toContain('# count: not set; 10 now');
  });

  it('exits 2 with errors, and prints no config then', () => {
    const plain = checkConfig({ file: '/nowhere/poold.yaml', print: false });
    expect(plain).toEqual({
      stdout:
        '/nowhere/poold.yaml:1:1: cannot read the file: it does not exist; `poold init worker` prints one to begin with\n/nowhere/poold.yaml: cannot be used: 1 error\n',
      stderr: '',
      exitCode: 2,
    });
    expect(checkConfig({ file: '/nowhere/poold.yaml', print: true })).toEqual({ stdout: '', stderr: plain.stdout, exitCode: 2 });
  });
});

describe('init', () => {
  it.each(['worker', 'llama-server', 'vllm'] as const)('%s prints a config without problems', (kind) => {
    const { spec, problems } = readConfig(initConfig(kind), { file: 'sample', directory: '/etc/poold' });
    expect(problems).toEqual([]);
    expect(spec?.pools[0]?.kind).toBe(kind);
  });

  it.each(['llama-server', 'vllm'] as const)('%s is the example in config/', (kind) => {
    expect(readFileSync(path(`config/examples/${kind}.yaml`), 'utf8')).toBe(initConfig(kind));
  });
});

it('the demo finds its engine beside its file', () => {
  const { spec } = loadConfig({ file: path('config/demo.yaml') });
  expect(spec?.pools.map(({ engine }) => dirname(engine.command[1] ?? ''))).toEqual([path('config'), path('config')]);
});

describe('schema', () => {
  interface Part {
    readonly description?: string;
    readonly properties?: Readonly<Record<string, Part>>;
    readonly additionalProperties?: Part | false;
    readonly items?: Part;
    readonly anyOf?: readonly Part[];
    readonly $defs?: Readonly<Record<string, Part>>;
  }

  function undescribed(part: Part, at: string): string[] {
    const properties = Object.entries(part.properties ?? {}).flatMap(([name, inner]) => [
      ...(inner.description ? [] : [`${at}.${name}`]),
      ...undescribed(inner, `${at}.${name}`),
    ]);
    const { additionalProperties, items, anyOf = [], $defs = {} } = part;
    const others = [additionalProperties, items, ...anyOf, ...Object.values($defs)].filter((inner) => typeof inner === 'object');
    return [...properties, ...others.flatMap((inner) => undescribed(inner, at))];
  }

  it('describes every key and knows no others', () => {
    const schema = configJsonSchema() as Part;
    expect(undescribed(schema, '')).toEqual([]);
    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties ?? {})).toEqual(['listen', 'log', 'ports', 'starts', 'handoff', 'defaults', 'pools']);
    expect(Object.keys(schema.$defs?.Pool?.properties ?? {})).toContain('crashPatterns');
  });
});
