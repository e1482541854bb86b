import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { LIMITS } from '../../src/api/limits.ts';
import type { Served } from './served.ts';
import { raw, served } from './served.ts';

let at: Served;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await at.stop();
});

/** Connected, as far as the kernel is concerned: whether the server keeps it shows later. */
function connection(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(at.socketPath, () => resolve(socket));
    socket.on('error', reject);
    sockets.push(socket);
  });
}

/** What comes back on it: the first line of an answer, or nothing when it is closed without one. */
function answerOn(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.removeAllListeners('error').on('error', () => resolve(''));
    socket.once('data', (piece) => resolve(String(piece).split('\r\n', 1)[0] ?? '')).once('close', () => resolve(''));
    socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n');
  });
}

test('a body that does not come in time is refused, its request is not carried out, and the connection ends', async () => {
  expect(LIMITS).toMatchObject({ headersTimeoutMs: 10_000, requestTimeoutMs: 30_000 });
  at = await served({ patience: { headersTimeoutMs: 300, requestTimeoutMs: 600 } });
  const head = 'POST /v1/pools/chat/scale HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n';
  const text = await raw(at, `${head}{"replicas": 3`);
  expect(text).toMatch(/^HTTP\/1.1 400 /);
  expect(text).toContain('cannot wait for the request any longer: headers take at most 0.3 s, all of it 0.6 s');
  expect(at.host.acted).toEqual([]);
  expect((await raw(at, `${head}{"replicas": 3}`, { end: true })).split('\r\n', 1)).toEqual(['HTTP/1.1 202 Accepted']);
});

test('a body that trickles has no more time than one that rests', async () => {
  at = await served({ patience: { headersTimeoutMs: 300, requestTimeoutMs: 600 } });
  const socket = await connection();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  let text = '';
  socket.on('data', (piece) => {
    text += piece;
  });
  socket.write('POST /v1/pools/chat/scale HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n{');
  const trickle = setInterval(() => socket.write(' '), 20);
  await closed;
  clearInterval(trickle);
  expect(text).toContain('cannot wait for the request any longer');
  expect(at.host.acted).toEqual([]);
});

test('there are 1,024 connections at a time: one more is closed unanswered, and the place of one that goes is taken', async () => {
  at = await served();
  expect(LIMITS.connections).toBe(1_024);
  // A few at a time: the kernel keeps no more than 511 for a server that has not come to them.
  for (let batch = 0; batch < 8; batch += 1) {
    const some = await Promise.all(Array.from({ length: 128 }, connection));
    expect(new Set(await Promise.all(some.map(answerOn)))).toEqual(new Set(['HTTP/1.1 200 OK']));
  }
  const [first, second] = sockets as [Socket, Socket];
  expect(await answerOn(await connection())).toBe('');
  expect(await answerOn(first)).toBe('HTTP/1.1 200 OK');
  second.destroy();
  // The server learns of it in its own time.
  for (let answer = ''; answer === ''; ) answer = await answerOn(await connection());
  expect(await answerOn(await connection())).toBe('');
});
