import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** `old.cjs` is preloaded to make this Node say that it is another: so the tests need no second Node on the machine. */
const old = "Object.defineProperty(process.versions, 'node', { value: '20.20.2' });";
const entry = (program: string): string =>
  `export const main = (args: string[]): number => { process.stdout.write(['${program}', process.pid, ...args].join(' ')); return 7; };\n`;

let home = '';

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'poold-bin-'));
  await cp(join(root, 'bin'), join(home, 'bin'), { recursive: true });
  await writeFile(join(home, 'package.json'), '{ "type": "module" }');
  await writeFile(join(home, 'old.cjs'), old);
  await mkdir(join(home, 'src', 'cli'), { recursive: true });
  await writeFile(join(home, 'src', 'main.ts'), entry('daemon'));
  await writeFile(join(home, 'src', 'cli', 'main.ts'), entry('client'));
});

afterEach(() => rm(home, { recursive: true, force: true }));

describe('bin/poold', () => {
  it('is itself the daemon: same process, its arguments, its exit code', async () => {
    const ran = await ended(start([join(home, 'bin', 'poold'), 'run', '--config', 'a.yaml']));
    expect(ran).toMatchObject({ code: 7, stdout: `daemon ${ran.pid} run --config a.yaml`, stderr: '' });
  });

  it('takes what was built where the source was not shipped', async () => {
    await rm(join(home, 'src'), { recursive: true });
    await mkdir(join(home, 'dist'));
    await writeFile(join(home, 'dist', 'main.js'), "export const main = () => process.stdout.write('built');\n");
    expect(await ended(start([join(home, 'bin', 'poold')]))).toMatchObject({ stdout: 'built', stderr: '' });
  });

  it('says in one sentence what to type under a too old Node', async () => {
    await bundled();
    expect(await ended(start(['-r', './old.cjs', 'bin/poold', 'run']))).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'poold: cannot run on Node 20.20.2, it needs 24.15 or newer: type `node_modules/.bin/node bin/poold run`.\n',
    });
  });

  it('sends a person without the bundled Node to `npm ci`', async () => {
    const { code, stderr } = await ended(start(['-r', './old.cjs', 'bin/poold']));
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `poold: cannot run on Node 20.20.2, it needs 24.15 or newer: run \`npm ci\` in ${home}, then type \`node_modules/.bin/node bin/poold\`.\n`,
    });
  });

  it('says what stopped it when it cannot be loaded', async () => {
    await writeFile(join(home, 'src', 'main.ts'), "throw new Error('broken');");
    const { code, stderr } = await ended(start(['bin/poold']));
    expect(code).toBe(1);
    expect(stderr).toContain('poold: cannot run: Error: broken');
  });
});

describe('bin/poolctl', () => {
  it('runs itself again with the bundled Node and passes the exit code on', async () => {
    await bundled();
    const ran = await ended(start(['-r', './old.cjs', 'bin/poolctl', 'status', '--', 'a b']));
    expect(ran).toMatchObject({ code: 7, stderr: '' });
    expect(ran.stdout).toMatch(/^client \d+ status -- a b$/);
    expect(ran.stdout).not.toContain(`client ${ran.pid} `);
  });

  it('passes a signal on and ends by the same one', async () => {
    await bundled();
    await writeFile(
      join(home, 'src', 'cli', 'main.ts'),
      "import { createConnection } from 'node:net';\nexport const main = () => { createConnection('./sock').on('error', () => process.exit(9)); process.stdout.write('up'); };\n",
    );
    // A client that hangs on an open connection has nothing else to end it.
    const server = createServer().listen(join(home, 'sock'));
    await once(server, 'listening');
    const child = start(['-r', './old.cjs', 'bin/poolctl']);
    const up = once(child.stdout as NodeJS.ReadableStream, 'data');
    const connected = once(server, 'connection');
    const end = ended(child);
    await up;
    const [socket] = (await connected) as [Socket];
    const closed = once(socket.resume(), 'close');
    child.kill('SIGTERM');
    expect(await end).toMatchObject({ code: null, signal: 'SIGTERM' });
    await closed;
    server.close();
  });

  it('says in one sentence what is missing where there is no other Node', async () => {
    expect(await ended(start(['-r', './old.cjs', 'bin/poolctl', 'status']))).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `poolctl: cannot run on Node 20.20.2, it needs 24.15 or newer: run \`npm ci\` in ${home}, which brings one.\n`,
    });
  });
});

/** A shell script in the bundled Node's place: another file than this Node, as the real one is. */
async function bundled(): Promise<void> {
  const directory = join(home, 'node_modules', '.bin');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'node'), `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
  await chmod(join(directory, 'node'), 0o755);
}

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, args, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH } });
}

interface Ran {
  readonly pid: number | undefined;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function ended(child: ChildProcess): Promise<Ran> {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { pid: child.pid, code, signal, stdout, stderr };
}
