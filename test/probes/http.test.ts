import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { HttpProbe } from '../../src/engine/probes/http.ts';
import { probeHttp } from '../../src/engine/probes/http.ts';
import { probeTcp } from '../../src/engine/probes/tcp.ts';
import { answers, freePort, serve } from './servers.ts';

function probe(port: number, more: Partial<HttpProbe> = {}) {
  const signal = new AbortController().signal;
  return probeHttp({
    target: { host: '127.0.0.1', port },
    path: '/health',
    headers: {},
    timeoutMs: 5_000,
    maxBodyBytes: 10_240,
    clock: systemClock,
    signal,
    ...more,
  });
}

describe('httpGet', () => {
  it('takes any 2xx for a success, and sends path and headers as they are', async () => {
    expect(await probe((await serve(answers('made', '201 Created'))).port)).toMatchObject({ ok: true });
    let request = '';
    const { port } = await serve((socket) => {
      socket.on('data', (chunk: Buffer) => {
        request += chunk;
      });
      answers('{"status":"ok"}')(socket);
    });
    const outcome = await probe(port, { path: '/v1?deep=1', headers: { 'X-Key': 'a b' } });
    expect(outcome).toEqual({ ok: true, message: `http://127.0.0.1:${port}/v1?deep=1 answered 200`, body: '{"status":"ok"}' });
    expect(request).toMatch(/^GET \/v1\?deep=1 HTTP\/1\.1\r\n/);
    expect(request).toMatch(/^X-Key: a b\r$/m);
  });

  it.each(['400 Bad Request', '404 Not Found', '500 Oops', '503 Service Unavailable'])(
    'takes %s for a failure and shows what it said',
    async (status) => {
      const { port } = await serve(answers('{"error":"Loading model"}', status));
      const outcome = await probe(port);
      expect(outcome).toMatchObject({ ok: false, body: '' });
      expect(outcome.message).toBe(`http://127.0.0.1:${port}/health answered ${status.slice(0, 3)}: {"error":"Loading model"}`);
    },
  );

  it('does not follow a redirect', async () => {
    const other = await serve(answers('fine'));
    const { port } = await serve(answers('', '302 Found', `location: http://127.0.0.1:${other.port}/\r\n`));
    expect(await probe(port)).toMatchObject({ ok: false, message: expect.stringContaining('redirects are not followed') });
    expect(other.connections.length).toBe(0);
  });

  it('says that nobody listens', async () => {
    expect(await probe(await freePort())).toMatchObject({ ok: false, refused: true, message: expect.stringContaining('ECONNREFUSED') });
  });

  it.each([
    ['accepts and never answers', ''],
    ['stops in the status line', 'HTTP/1.1 2'],
    ['stops in the headers', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['stops in the body', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc'],
  ])('a server that %s fails at the deadline and is let go', async (_, text) => {
    const { port, letGo } = await serve((socket) => void socket.write(text));
    expect(await probe(port, { timeoutMs: 100 })).toMatchObject({
      ok: false,
      message: expect.stringContaining('no complete answer within 100 ms'),
    });
    await letGo;
  });

  it('a body that drips does not move the deadline', async () => {
    const { port } = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      const drip = setInterval(() => socket.write('1\r\nx\r\n'), 10);
      socket.on('close', () => clearInterval(drip));
    });
    expect(await probe(port, { timeoutMs: 150 })).toMatchObject({ ok: false, message: expect.stringContaining('within 150 ms') });
  });

  it('reads no more of a huge body than it may, and counts the answer', async () => {
    let sentBytes = 0;
    const { port, letGo } = await serve((socket) => {
      const more = (): void => {
        while (!socket.destroyed) {
          sentBytes += 65_536;
          if (!socket.write('y'.repeat(65_536))) break;
        }
      };
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.on('drain', more);
      more();
    });
    const outcome = await probe(port);
    expect([outcome.ok, outcome.body.length]).toEqual([true, 10_240]);
    await letGo;
    expect(sentBytes).toBeLessThan(64 * 1024 * 1024);
  });

  it.each([
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['headers without end', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(10_000)}`],
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
    ['a body cut short', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc'],
    ['nothing', ''],
  ])('%s is a failure', async (_, text) => {
    const { port } = await serve((socket) => void socket.end(text));
    expect(await probe(port)).toMatchObject({ ok: false });
  });

  it('a path or header that cannot be sent is a failure that says so', async () => {
    expect(await probe(1, { path: '/a b' })).toMatchObject({ ok: false, message: expect.stringContaining('mend its path') });
    expect(await probe(1, { headers: { 'a b': 'c' } })).toMatchObject({ ok: false });
  });

  it('can be called off', async () => {
    const { port, connections } = await serve(() => {});
    const abort = new AbortController();
    const outcome = probe(port, { signal: abort.signal });
    while (connections.length === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    expect(await outcome).toMatchObject({ ok: false });
    expect(await probe(port, { signal: abort.signal })).toMatchObject({ ok: false });
  });
});

describe('tcpSocket', () => {
  const signal = new AbortController().signal;

  it('is content with an accepted connection, and sends nothing', async () => {
    const { port, connections, letGo } = await serve(() => {});
    expect(await probeTcp({ target: { host: '127.0.0.1', port }, timeoutMs: 5_000, clock: systemClock, signal })).toMatchObject({
      ok: true,
    });
    await letGo;
    expect(connections[0]?.bytesRead).toBe(0);
  });

  it('fails where nobody listens, and when it is called off', async () => {
    const target = { host: '127.0.0.1', port: await freePort() };
    expect(await probeTcp({ target, timeoutMs: 5_000, clock: systemClock, signal })).toMatchObject({ ok: false, refused: true });
    expect(await probeTcp({ target, timeoutMs: 5_000, clock: systemClock, signal: AbortSignal.abort() })).toMatchObject({ ok: false });
  });
});
