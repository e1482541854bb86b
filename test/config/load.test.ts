import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

let directory = '';
let file = '';
let poolsDirectory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'poold-config-'));
  file = join(directory, 'poold.yaml');
  poolsDirectory = join(directory, 'pools.d');
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function write(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o644);
}

function load(): { names: string[] | null; problems: string[] } {
  const { spec, problems } = loadConfig({ file, poolsDirectory });
  return {
    names: spec?.pools.map(({ name }) => name) ?? null,
    problems: problems.map((problem) => formatProblem(problem).replaceAll(`${directory}/`, '')),
  };
}

const POOL = '{ engine: { command: [x] } }';

describe('one file', () => {
  it('loads, with a byte order mark and without a pools.d', () => {
    write(file, `\uFEFFpools: { a: ${POOL} }`);
    expect(load()).toEqual({ names: ['a'], problems: [] });
  });

  it('that does not exist is a problem that says what to do', () => {
    expect(load()).toEqual({
      names: null,
      problems: ['poold.yaml:1:1: cannot read the file: it does not exist; `poold init worker` prints one to begin with'],
    });
  });

  it('that is a directory, a FIFO, too big or no UTF-8 is a problem', () => {
    mkdirSync(file);
    expect(load().problems).toEqual(['poold.yaml:1:1: cannot read the file: it is a directory']);
    rmSync(file, { recursive: true });
    execFileSync('sh', ['-c', 'mkfifo "$0"', file]);
    expect(load().problems).toEqual(['poold.yaml:1:1: cannot read the file: it is no regular file']);
    rmSync(file);
    write(file, '');
    truncateSync(file, 9 * 2 ** 20);
    expect(load().problems).toEqual(['poold.yaml:1:1: cannot read the file: it has 9MiB, at most 8MiB are read']);
    writeFileSync(file, Buffer.from([0x61, 0xff]));
    expect(load().problems).toEqual(['poold.yaml:1:1: cannot read the file: it is not UTF-8']);
  });

  it('that everybody may write is a warning', () => {
    write(file, `pools: { a: ${POOL} }`);
    chmodSync(file, 0o666);
    expect(load()).toEqual({
      names: ['a'],
      problems: ['poold.yaml:1:1: warning: cannot trust who wrote this: every user of the host may change it; chmod o-w it'],
    });
  });
});

describe('with pools.d', () => {
  beforeEach(() => {
    mkdirSync(poolsDirectory);
    write(file, `defaults: { restart: always }\npools: { a: ${POOL} }`);
  });

  it('adds the pools of each file, by name, over the defaults of the main one', () => {
    write(join(poolsDirectory, '20.yaml'), `pools: { c: ${POOL} }`);
    write(join(poolsDirectory, '10.yaml'), `pools: { b: { engine: { command: [./x] } } }`);
    write(join(poolsDirectory, '.hidden.yaml'), 'nonsense');
    write(join(poolsDirectory, 'README'), 'nonsense');
    expect(load()).toEqual({ names: ['a', 'b', 'c'], problems: [] });
    const { spec } = loadConfig({ file, poolsDirectory });
    expect(spec?.pools[1]).toMatchObject({ restart: 'always', engine: { command: [join(poolsDirectory, 'x')] } });
  });

  it('reports a pool that two files have, and keys that belong in the main file', () => {
    write(join(poolsDirectory, '10.yaml'), `pools:\n  a: ${POOL}\nlog: { level: info }\ndefaults: {}`);
    expect(load()).toEqual({
      names: null,
      problems: [
        'pools.d/10.yaml:2:3: pools.a: cannot use a twice: poold.yaml:2 has a pool of that name',
        'pools.d/10.yaml:3:1: log: cannot use log here: a file of pools.d holds pools only, write it in the main file',
        'pools.d/10.yaml:4:1: defaults: cannot use defaults here: a file of pools.d holds pools only, write them in the main file',
      ],
    });
  });

  it('names the file and the place of each problem, and the main file for defaults', () => {
    write(file, 'defaults: { engine: { env: { A: "${x}" } } }');
    write(join(poolsDirectory, '10.yaml'), `pools:\n  b:\n    engine: { command: [1] }`);
    const { problems } = load();
    expect(problems.map((line) => line.split(': ')[0])).toEqual(['poold.yaml:1:33', 'pools.d/10.yaml:3:25']);
  });

  it('warns of a .yml that nobody reads', () => {
    write(join(poolsDirectory, 'b.yml'), `pools: { b: ${POOL} }`);
    expect(load()).toEqual({
      names: ['a'],
      problems: ['pools.d/b.yml:1:1: warning: cannot be read as a pool file: only *.yaml is, rename it'],
    });
  });
});
