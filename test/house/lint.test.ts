import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const run = promisify(execFile);

const clock = 'cannot read a clock, arm a timer or draw a number here';
const library = 'cannot import this library here';
const direction = 'cannot import this from here';
const pureNode = 'cannot import a node: module in a pure file';
const pureValue = 'cannot import more than types from another noun in a pure file';
const pureAwait = 'cannot await in a pure file';
const leftOut = 'cannot leave a test out';

/** Each snippet stands in a file of its own (the folder decides); the linter has to say what stands on the right, or nothing at all. */
const snippets: readonly (readonly [folder: string, source: string, says: string | null])[] = [
  ['src/pool/x.ts', 'export const at = Date.now();', clock],
  ['src/pool/x.ts', 'export const at = performance.now();', clock],
  ['src/pool/x.ts', 'export const at = process.hrtime.bigint();', clock],
  ['src/pool/x.ts', 'export const at = new Date();', clock],
  ['src/pool/x.ts', 'export const at = new Date(5);', null],
  ['src/engine/x.ts', 'export const r = Math.random();', clock],
  ['src/engine/x.ts', 'setTimeout(() => {}, 5);', clock],
  ['src/engine/x.ts', 'globalThis.setInterval(() => {}, 5);', clock],
  ['src/engine/x.ts', "export { setImmediate } from 'node:timers';", clock],
  ['src/engine/x.ts', "import { setTimeout } from 'node:timers/promises';\nawait setTimeout(5);", clock],
  ['src/clock.ts', 'export const at = Date.now();', null],

  ['src/pool/x.ts', "import { execa } from 'execa';\nexport const a = execa;", library],
  ['src/pool/x.ts', "import type { Options } from 'execa';\nexport type A = Options;", library],
  ['src/pool/x.ts', "export const a = import('execa');", library],
  ['src/engine/child.ts', "import { execa } from 'execa';\nexport const a = execa;", null],
  ['src/engine/x.ts', "export const a = import('koffi');", library],
  ['src/engine/notify/unix-datagrams.ts', "export const a = import('koffi');", null],
  ['src/engine/posix-spawn.ts', "export const a = import('koffi');", null],
  ['src/lock.ts', "import { DatabaseSync } from 'node:sqlite';\nexport const a = DatabaseSync;", library],
  ['src/store/x.ts', "import { DatabaseSync } from 'node:sqlite';\nexport const a = DatabaseSync;", null],
  ['src/api/x.ts', "import { Registry } from 'prom-client';\nexport const a = Registry;", library],
  ['src/metrics/x.ts', "import { Registry } from 'prom-client';\nexport const a = Registry;", null],
  ['src/config/x.ts', "import { Command } from 'commander';\nexport const a = Command;", library],
  ['src/main.ts', "import { Command } from 'commander';\nexport const a = Command;", null],
  ['src/cli/verbs/x.ts', "import { Command } from 'commander';\nexport const a = Command;", null],
  ['src/main.ts', "import { fastify } from 'fastify';\nexport const a = fastify;", library],
  ['src/api/x.ts', "import { fastify } from 'fastify';\nexport const a = fastify;", null],
  ['src/engine/probes.ts', "import { request } from 'undici';\nexport const a = request;", library],
  ['src/client/x.ts', "import { request } from 'undici';\nexport const a = request;", null],
  ['src/engine/x.ts', "import retry from 'p-retry';\nexport const a = retry;", library],
  ['src/pool/x.ts', "import { pino } from 'pino';\nexport const a = pino;", library],
  ['src/log.ts', "import { pino } from 'pino';\nexport const a = pino;", null],

  ['src/pool/x.ts', "import { a } from '../main.ts';\nexport const b = a;", direction],
  ['src/errors.ts', "import { a } from './pool/pool.ts';\nexport const b = a;", direction],
  ['src/config/x.ts', "import { a } from '../engine/launch.ts';\nexport const b = a;", direction],
  ['src/engine/x.ts', "import { a } from '../pool/pool.ts';\nexport const b = a;", direction],
  ['src/engine/x.ts', "export { a } from '../pool/pool.ts';", direction],
  ['src/engine/x.ts', "import type { A } from '../pool/pool.ts';\nexport type B = A;", null],
  ['src/engine/x.ts', "import { engineId } from '../engine/identity.ts';\nexport const b = engineId;", null],
  ['src/pool/x.ts', "import { a } from '../engine/launch.ts';\nexport const b = a;", null],
  ['src/pool/x.ts', "import { a } from '../metrics/metrics.ts';\nexport const b = a;", direction],
  ['src/pool/x.ts', "import { a } from '../events/stream.ts';\nexport const b = a;", direction],
  ['src/pool/x.ts', "import { a } from '../store/sqlite.ts';\nexport const b = a;", direction],
  ['src/pool/x.ts', "import { a } from '../api/server.ts';\nexport const b = a;", direction],
  ['src/pool/x.ts', "import { a } from '../cli/table.ts';\nexport const b = a;", direction],
  ['src/store/x.ts', "import { a } from '../pool/pools.ts';\nexport const b = a;", direction],
  ['src/metrics/x.ts', "import { a } from '../pool/pools.ts';\nexport const b = a;", direction],
  ['src/api/x.ts', "import { a } from '../cli/table.ts';\nexport const b = a;", direction],
  ['src/client/x.ts', "import { a } from '../api/routes.ts';\nexport const b = a;", direction],
  ['src/cli/verbs/x.ts', "import { a } from '../../pool/pools.ts';\nexport const b = a;", direction],
  ['src/cli/verbs/x.ts', "import { a } from '../../client/client.ts';\nexport const b = a;", null],
  ['src/main.ts', "import { a } from './pool/pools.ts';\nexport const b = a;", null],

  ['src/policy/x.ts', "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;", pureNode],
  ['src/pool/x-state.ts', "import { a } from '../engine/launch.ts';\nexport const b = a;", pureValue],
  ['src/pool/x-state.ts', "import type { A } from '../engine/launch.ts';\nexport type B = A;", null],
  ['src/pool/x-state.ts', "import { a } from '../policy/backoff.ts';\nexport const b = a;", null],
  ['src/config/diff.ts', "import { a } from '../clock.ts';\nexport const b = a;", pureValue],
  ['src/config/schema.ts', 'export async function a(b: Promise<number>): Promise<number> {\n  return await b;\n}', pureAwait],

  ['test/x.test.ts', "import { it } from 'vitest';\nit.skip('a', () => {});", 'lint/suspicious/noSkippedTests'],
  ['test/x.test.ts', "import { it } from 'vitest';\nit.only('a', () => {});", 'lint/suspicious/noFocusedTests'],
  ['test/x.test.ts', "import { it } from 'vitest';\nit.todo('a');", leftOut],
  ['test/x.test.ts', "import { it } from 'vitest';\nit.fails('a', () => {});", leftOut],
  ['test/x.test.ts', "import { it } from 'vitest';\nit.skipIf(process.getuid)('a', () => {});", leftOut],
  ['test/x.test.ts', "import { it } from 'vitest';\nit('a', (context) => context.skip());", leftOut],

  ['src/pool/x.ts', 'export const a = (b: any): unknown => b;', 'lint/suspicious/noExplicitAny'],
  ['src/pool/x.ts', 'export const a = (b?: string): string => b!;', 'lint/style/noNonNullAssertion'],
  ['src/pool/x.ts', "import { A } from './y.ts';\nexport type B = A;", 'lint/style/useImportType'],
  ['src/pool/x.ts', 'export default 5;', 'lint/style/noDefaultExport'],
  ['src/pool/x.ts', "console.log('a');", 'lint/suspicious/noConsole'],
  ['src/pool/x.ts', 'async function a(): Promise<void> {}\na();', 'lint/nursery/noFloatingPromises'],
  ['src/pool/x.ts', `${'\n'.repeat(400)}export const a = 5;`, 'lint/style/noExcessiveLinesPerFile'],
  [
    'src/pool/x.ts',
    `export function a(): void {${'\n  process.exitCode = 0;'.repeat(71)}\n}`,
    'lint/complexity/noExcessiveLinesPerFunction',
  ],
  ['src/pool/x.ts', "import { a } from './cycle.ts';\nexport const b = (): number => a();", 'lint/suspicious/noImportCycles'],
];

let directory = '';
/** What the linter says, by snippet number. */
const said: string[][] = snippets.map(() => []);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'poold-lint-'));
  for (const name of ['biome.json', '.biome']) await cp(join(root, name), join(directory, name), { recursive: true });
  for (const [index, [file, source]] of snippets.entries()) {
    const path = join(directory, String(index), file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${source}\n`);
    await writeFile(join(dirname(path), 'cycle.ts'), "import { b } from './x.ts';\nexport const a = (): number => b();\n");
  }
  for (const { location, category, message } of await diagnostics()) {
    const index = Number(/^(?:\.\/)?(\d+)\//.exec(location?.path ?? '')?.[1]);
    if (!location?.path.endsWith('cycle.ts')) said[index]?.push(`${category} ${message}`);
  }
});

afterAll(() => rm(directory, { recursive: true, force: true }));

describe('the linter', () => {
  it.each(snippets.map(([file, source, says], index) => ({ index, file, source: source.trim().split('\n', 2).join(' '), says })))(
    '$file: $source',
    ({ index, says }) => {
      const own = said[index]?.filter((line) => /^plugin|noSkipped|noFocused/.test(line) || (says !== null && line.includes(says))) ?? [];
      if (says === null) expect(own).toEqual([]);
      else
        expect(
          own.some((line) => line.includes(says)),
          `said: ${said[index]?.join(' | ')}`,
        ).toBe(true);
    },
  );
});

interface Diagnostic {
  readonly location: { readonly path: string } | null;
  readonly category: string;
  readonly message: string;
}

async function diagnostics(): Promise<readonly Diagnostic[]> {
  const args = ['lint', '--max-diagnostics=none', '--reporter=json', '.'];
  // It exits 1, as it should: there is something to say.
  const { stdout } = await run(join(root, 'node_modules', '.bin', 'biome'), args, { cwd: directory, maxBuffer: 64 << 20 }).catch(
    (error: { stdout: string }) => error,
  );
  return (JSON.parse(stdout) as { diagnostics: readonly Diagnostic[] }).diagnostics;
}
