import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogLine } from '../../src/pool/host.ts';
import type { Served } from './served.ts';
import { ask, served, until } from './served.ts';

let at: Served;
const open: Socket[] = [];
beforeEach(async () => {
  at = await served();
});
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await at.stop();
});

/** What has come so far on a stream that stays open. */
function follow(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): { text: () => string; socket: Socket; closed: () => boolean } {
  const socket = connect(at.socketPath);
  let got = '';
  let closed = false;
  open.push(socket);
  socket.setEncoding('utf8');
  socket.on('data', (piece: string) => {
    got += piece;
  });
  socket.on('close', () => {
    closed = true;
  });
  socket.write(
    `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`,
  );
  return { text: () => got, socket, closed: () => closed };
}

function happen(count: number): void {
  for (let index = 0; index < count; index += 1)
    at.host.feed.happen({ type: 'engine.ready', pool: 'chat', engine: 'chat/0', generation: 1, facts: { index } });
}

const ids = (text: string): readonly string[] => [...text.matchAll(/^id: (.*)$/gm)].map((match) => match[1] ?? '');

test('events come as they happen, with the facts beside the other keys', async () => {
  const stream = follow('/v1/events');
  await until('it listens', () => at.host.feed.listeners === 1);
  happen(1);
  await until('it came', () => stream.text().includes('id: 3:1'));
  expect(stream.text()).toMatch(/^HTTP\/1.1 200 OK\r\ncontent-type: text\/event-stream\r\n/);
  expect(stream.text()).toContain(
    `id: 3:1\nevent: engine.ready\ndata: {"index":0,"type":"engine.ready","pool":"chat","engine":"chat/0","generation":1,"cursor":"3:1","at":"2026-11-03T08:00:00.000Z"}\n\n`,
  );
});

test('Last-Event-ID goes on behind it, without a gap or a double between the kept and the new', async () => {
  happen(5);
  const stream = follow('/v1/events', { 'last-event-id': '3:2' });
  await until('the kept have come', () => stream.text().includes('id: 3:5'));
  happen(2);
  await until('the new have come', () => stream.text().includes('id: 3:7'));
  expect(ids(stream.text())).toEqual(['3:3', '3:4', '3:5', '3:6', '3:7']);
});

test('a cursor of an older epoch is answered with reset and a snapshot, then goes on', async () => {
  happen(3);
  const stream = follow('/v1/events?since=2:17');
  await until('reset came', () => stream.text().includes('event: reset'));
  expect(stream.text()).toContain('id: 3:3\nevent: reset\ndata: {"cursor":"3:3","pools":[{"pool":"chat"');
  happen(1);
  await until('it goes on', () => stream.text().includes('id: 3:4'));
});

test('follow=false ends behind what is kept; filters by type, by first word, by pool and by time', async () => {
  at.host.feed.happen({ type: 'daemon.started', pool: null, facts: {} }, '2026-11-03T07:00:00.000Z');
  at.host.feed.happen({ type: 'engine.ready', pool: 'chat', facts: {} });
  at.host.feed.happen({ type: 'engine.exited', pool: 'other', facts: {} });
  at.host.feed.happen({ type: 'breaker.opened', pool: 'chat', facts: {} }, '2026-11-03T09:00:00.000Z');
  const some = async (query: string) => ids((await ask(at, { path: `/v1/events?follow=false${query}` })).text);
  expect(await some('')).toEqual(['3:1', '3:2', '3:3', '3:4']);
  expect(await some('&type=engine')).toEqual(['3:2', '3:3']);
  expect(await some('&type=engine.exited,breaker.*')).toEqual(['3:3', '3:4']);
  expect(await some('&pool=chat')).toEqual(['3:2', '3:4']);
  expect(await some('&since=2026-11-03T08:30:00Z')).toEqual(['3:4']);
  expect(await some('&since=3:2')).toEqual(['3:3', '3:4']);
});

test('a listener that does not read holds nobody up, and goes on where it was', async () => {
  const slow = follow('/v1/events');
  await until('it listens', () => at.host.feed.listeners === 1);
  slow.socket.pause();
  const quick = follow('/v1/events');
  await until('both listen', () => at.host.feed.listeners === 2);
  const facts = { text: 'x'.repeat(4_000) };
  for (let round = 1; round <= 10; round += 1) {
    for (let index = 0; index < 100; index += 1) at.host.feed.happen({ type: 'log.dropped', pool: 'chat', facts });
    await until('the quick one has them', () =>
      quick
        .text()
        .slice(-5_000)
        .includes(`id: 3:${round * 100}\n`),
    );
  }
  expect(slow.text().length).toBeLessThan(1_000_000);
  slow.socket.resume();
  await until('the slow one has them too', () => slow.text().slice(-5_000).includes('id: 3:1000\n'));
  expect(ids(slow.text())).toEqual(ids(quick.text()));
});

const LINES: readonly LogLine[] = [
  { is: 'mark', text: 'generation 2 started', atMs: Date.parse('2026-11-03T08:00:00Z') },
  { is: 'line', text: 'loading \u001b[31mmodel', atMs: Date.parse('2026-11-03T08:00:01Z') },
  { is: 'line', text: 'ready', atMs: null },
  { is: 'gap', bytes: 512 },
];

test('logs are one JSON object per line', async () => {
  at.host.logLines = LINES;
  const answer = await ask(at, { path: '/v1/pools/chat/logs?replica=1&tail=3' });
  expect(answer.headers['content-type']).toBe('application/x-ndjson');
  expect(
    answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { engine: 'chat/1', is: 'line', text: 'loading \u001b[31mmodel', at: '2026-11-03T08:00:01.000Z' },
    { engine: 'chat/1', is: 'line', text: 'ready', at: null },
    { engine: 'chat/1', is: 'gap', bytes: 512 },
  ]);
  expect(at.host.logQueries).toEqual([{ pool: 'chat', replica: 1, query: { tail: 3, sinceMs: null, generation: null, follow: false } }]);
});

test('logs as text name the engine where there are several, and send no escapes to a terminal', async () => {
  at.host.logLines = LINES;
  const answer = await ask(at, { path: '/v1/pools/chat/logs', headers: { accept: 'text/plain' } });
  expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
  expect(answer.text).not.toContain('\u001b');
  expect(answer.text.split('\n').slice(0, 1)).toEqual(['chat/0: --- generation 2 started ---']);
  expect(answer.text).toContain('chat/1: ready\n');
});

test('previous is the generation before the present one', async () => {
  await ask(at, { path: '/v1/pools/chat/logs?replica=0&previous=true&since=2026-11-03T08:00:00Z' });
  expect(at.host.logQueries.at(-1)?.query).toEqual({
    tail: null,
    sinceMs: Date.parse('2026-11-03T08:00:00Z'),
    generation: 1,
    follow: false,
  });
});

test('followed logs of two engines come mixed; hanging up ends both', async () => {
  const stream = follow('/v1/pools/chat/logs?follow=true');
  await until('both are read', () => at.host.written.readers === 2);
  at.host.written.write({ is: 'line', text: 'hello', atMs: null });
  await until('both came', () => stream.text().includes('"engine":"chat/0"') && stream.text().includes('"engine":"chat/1"'));
  stream.socket.destroy();
  await until('nobody is read', () => at.host.written.readers === 0);
});

test('closing the server ends the streams', async () => {
  const events = follow('/v1/events');
  const logs = follow('/v1/pools/chat/logs?follow=true&replica=0');
  await until('both are open', () => at.host.feed.listeners === 1 && at.host.written.readers === 1);
  await at.serving.close(1_000);
  await until('both are closed', () => events.closed() && logs.closed());
  expect([at.host.feed.listeners, at.host.written.readers]).toEqual([0, 0]);
});
