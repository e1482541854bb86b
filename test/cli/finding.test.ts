import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Served } from '../api/served.ts';
import { served } from '../api/served.ts';
import { run } from './poolctl.ts';

let at: Served;
beforeAll(async () => {
  at = await served({ withTcp: true });
});
afterAll(() => at.stop());

const poolctl = (...args: string[]) => run(args, { POOLD_SOCKET: at.socketPath });

describe('finding the daemon', () => {
  let server: Server | null = null;
  afterEach(() => {
    server?.close();
    server = null;
  });
  const listen = (made: Server, path: string) =>
    new Promise<void>((resolve) => {
      server = made.listen(path, resolve);
    });

  test('nobody there', async () => {
    const path = join(at.directory, 'none.sock');
    expect(await run(['status', '--socket', path])).toEqual({
      code: 6,
      stdout: '',
      stderr: `poolctl: cannot reach poold at ${path}: nothing is there; start it with poold run, or name its socket with --socket\n`,
    });
    const nowhere = await run(['status'], { POOLD_RUNTIME_DIR: `${at.directory}/none`, XDG_RUNTIME_DIR: '' });
    expect(nowhere).toMatchObject({ code: 6, stderr: expect.stringContaining(`there is no socket at ${at.directory}/none/api.sock`) });
  });

  test('no socket, no HTTP, no poold', async () => {
    const file = join(at.directory, 'file');
    writeFileSync(file, '');
    expect(await run(['status', '--socket', file])).toMatchObject({ code: 6, stderr: expect.stringContaining('it is no socket') });
    const ssh = join(at.directory, 'ssh.sock');
    await listen(
      createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-x\r\n')),
      ssh,
    );
    expect(await run(['status', '--socket', ssh])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('does not speak HTTP as poold does'),
    });
    server?.close();
    const other = join(at.directory, 'other.sock');
    await listen(
      createHttpServer((_request, response) => response.end('<html>')),
      other,
    );
    expect(await run(['status', '--socket', other])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('another program than poold'),
    });
  });

  test('by the environment, in its order', async () => {
    const there = { POOLD_RUNTIME_DIR: at.directory };
    expect(await run(['status'], there)).toMatchObject({ code: 0 });
    expect(await run(['status'], { ...there, POOLD_SOCKET: '/none' })).toMatchObject({ code: 6 });
    expect(await run(['status', '--socket', at.socketPath], { POOLD_SOCKET: '/none' })).toMatchObject({ code: 0 });
  });

  test('over TCP with a token in a file', async () => {
    const url = `http://127.0.0.1:${at.serving.tcpPort}`;
    const tokenFile = join(at.directory, 'token');
    writeFileSync(tokenFile, `${at.tokens.read}\n`);
    expect(await run(['status', '--url', url, '--token-file', tokenFile])).toMatchObject({ code: 0 });
    expect(await run(['status', '--token-file', tokenFile], { POOLD_URL: url })).toMatchObject({ code: 0 });
    expect(await run(['start', 'chat', '--url', url, '--token-file', tokenFile])).toMatchObject({
      code: 8,
      stderr: expect.stringContaining('with the role read: it takes operate'),
    });
    expect(await run(['status', '--url', url])).toMatchObject({ code: 8, stderr: expect.stringContaining('Authorization: Bearer') });
    expect(await run(['status', '--url', 'http://10.0.0.1', '--token-file', tokenFile])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('use https'),
    });
  });

  test('version, with and without a daemon', async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'));
    expect(await poolctl('version')).toEqual({ code: 0, stdout: `poolctl ${version}\npoold 9.9.9\n`, stderr: '' });
    expect(await run(['version', '--socket', '/none'])).toMatchObject({
      code: 0,
      stdout: `poolctl ${version}\n`,
      stderr: expect.stringContaining('cannot reach poold'),
    });
  });
});
