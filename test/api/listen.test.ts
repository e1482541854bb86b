import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { request } from 'node:https';
import { createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isLoopback, listenOnSocket, listenOnTcp, tlsOf } from '../../src/api/listen.ts';
import { ask, served } from './served.ts';

let directory: string;
let server: Server;
const warnings: string[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'poold-listen-'));
  server = createServer();
  warnings.length = 0;
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
  rmSync(directory, { recursive: true, force: true });
});

const warn = (message: string): void => void warnings.push(message);
const path = (): string => join(directory, 'api.sock');
const groupKey = 'listen.socket.group';

test('the socket has its mode when it appears, and nothing else is left', async () => {
  await listenOnSocket(server, { path: path(), mode: 0o660, group: null, groupKey, warn });
  expect(statSync(path()).mode & 0o777).toBe(0o660);
  expect(statSync(path()).isSocket()).toBe(true);
  expect(readdirSync(directory)).toEqual(['api.sock']);
});

test('a stale socket is replaced; another file is not', async () => {
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  expect(() => execFileSync(process.execPath, ['-e', script, path()], { stdio: 'ignore' })).toThrow();
  expect(existsSync(path())).toBe(true);
  await listenOnSocket(server, { path: path(), mode: 0o600, group: null, groupKey, warn });
  expect(statSync(path()).mode & 0o777).toBe(0o600);
  const other = createServer();
  writeFileSync(join(directory, 'file'), 'precious');
  await expect(listenOnSocket(other, { path: join(directory, 'file'), mode: 0o600, group: null, groupKey, warn })).rejects.toThrow(
    'something that is no socket lies there',
  );
  expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('precious');
});

test('a path of 107 bytes works, one more is refused with what to do', async () => {
  const long = join(directory, 'd'.repeat(107 - Buffer.byteLength(directory) - 1 - '/api.sock'.length), 'api.sock');
  mkdirSync(join(long, '..'));
  expect(Buffer.byteLength(long)).toBe(107);
  await listenOnSocket(server, { path: long, mode: 0o600, group: null, groupKey, warn });
  expect(statSync(long).isSocket()).toBe(true);
  await expect(listenOnSocket(createServer(), { path: `${long}x`, mode: 0o600, group: null, groupKey, warn })).rejects.toThrow(
    'has 108 bytes and the kernel takes 107; choose a shorter --runtime-dir',
  );
});

test('a group that is not there is an error where the file names it, else a warning', async () => {
  const name = 'poold-no-such-group';
  await expect(listenOnSocket(server, { path: path(), mode: 0o660, group: { name, written: true }, groupKey, warn })).rejects.toThrow(
    `make it with groupadd --system ${name}`,
  );
  expect(readdirSync(directory)).toEqual([]);
  await listenOnSocket(server, { path: path(), mode: 0o660, group: { name, written: false }, groupKey, warn });
  expect(warnings).toEqual([
    `api.sock stays with the daemon's own group: there is no group ${name}; make it with groupadd --system ${name}`,
  ]);
});

test('a group that is there gets it', async () => {
  const gid = process.getegid?.() ?? 0;
  const name = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();
  await listenOnSocket(server, { path: path(), mode: 0o660, group: { name, written: true }, groupKey, warn });
  expect(statSync(path()).gid).toBe(gid);
  expect(warnings).toEqual([]);
});

test('a port in use is named', async () => {
  const port = await listenOnTcp(server, { host: '127.0.0.1', port: 0 });
  await expect(listenOnTcp(createServer(), { host: '127.0.0.1', port })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${port}: somebody else listens there`,
  );
});

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['127.0.0.1.nip.io', false],
  ['10.0.0.1', false],
])('%s is loopback: %s', (host, loopback) => {
  expect(isLoopback(host)).toBe(loopback);
  const spec = { host, port: 9200, tokensFile: 'x', hosts: [], tls: null };
  if (loopback) expect(tlsOf(spec)).toBeNull();
  else expect(() => tlsOf(spec)).toThrow('without TLS');
});

test('without its tokens file the daemon does not listen at all', async () => {
  const tcp = { host: '127.0.0.1', port: 0, tokensFile: join(directory, 'none'), hosts: [], tls: null };
  await expect(served({ tcp })).rejects.toThrow('poold token new');
});

test('with TLS it answers, and not in the clear', async () => {
  const [key, cert] = ['key', 'cert'].map((name) => join(import.meta.dirname, 'tls', `${name}.pem`)) as [string, string];
  const tokensFile = join(directory, 'tokens');
  writeFileSync(tokensFile, '', { mode: 0o600 });
  const at = await served({ tcp: { host: '127.0.0.1', port: 0, tokensFile, hosts: [], tls: { cert, key } } });
  try {
    const port = at.serving.tcpPort ?? 0;
    const status = await new Promise((resolve, reject) => {
      request(
        {
          host: '127.0.0.1',
          port,
          path: '/health',
          servername: 'localhost',
          ca: readFileSync(cert),
          agent: false,
          headers: { host: 'localhost' },
        },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        },
      )
        .on('error', reject)
        .end();
    });
    expect(status).toBe(200);
    await expect(ask(at, { path: '/health', port })).rejects.toThrow();
  } finally {
    await at.stop();
  }
});

test('when one door cannot open none stays open', async () => {
  const taken = createNetServer();
  const port = await new Promise<number>((resolve) => {
    taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port));
  });
  await expect(served({ withTcp: true, metrics: { host: '127.0.0.1', port } })).rejects.toThrow('somebody else listens there');
  taken.close();
});
