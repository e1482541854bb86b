import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Bus } from '../../src/events/bus.ts';
import { createBus } from '../../src/events/bus.ts';
import type { Event, Happening } from '../../src/events/event.ts';
import type { FollowOptions } from '../../src/events/stream.ts';
import { eventFilter, eventMessage, followEvents } from '../../src/events/stream.ts';

const exited = (generation: number, pad = ''): Happening => ({
  type: 'engine.exited',
  pool: 'chat',
  engine: 'chat/0',
  generation,
  facts: { class: 'error', pad },
});

const all = (): boolean => true;
let bus: Bus;
let abort: AbortController;

beforeEach(() => {
  bus = createBus({ epoch: 7, clock: systemClock, size: 100 });
  abort = new AbortController();
});

function follow(part: Partial<FollowOptions> = {}): AsyncGenerator<string> {
  return followEvents({ bus, from: null, follow: true, wanted: all, snapshot: () => ({ pools: [] }), signal: abort.signal, ...part });
}

async function collected(pieces: AsyncGenerator<string>): Promise<string> {
  let whole = '';
  for await (const piece of pieces) whole += piece;
  return whole;
}

const ids = (stream: string): readonly string[] => [...stream.matchAll(/^id: (.*)$/gm)].map((match) => match[1] ?? '');

describe('the stream', () => {
  it('writes an event as a message, facts beside the other keys', () => {
    const event: Event = { ...exited(3), facts: { class: 'error', at: 'never' }, cursor: '7:1', at: '2026-11-20T10:00:00.000Z' };
    const [id, type, data, ...end] = eventMessage(event).split('\n');
    expect([id, type, end]).toEqual(['id: 7:1', 'event: engine.exited', ['', '']]);
    expect(JSON.parse(data?.replace(/^data: /, '') ?? '')).toEqual({
      cursor: '7:1',
      at: '2026-11-20T10:00:00.000Z',
      type: 'engine.exited',
      pool: 'chat',
      engine: 'chat/0',
      generation: 3,
      class: 'error',
    });
  });

  it('gives what is kept and ends, when it is not to follow', async () => {
    for (let number = 1; number <= 5; number += 1) bus.publish(exited(number));
    expect(ids(await collected(follow({ follow: false })))).toEqual(['7:1', '7:2', '7:3', '7:4', '7:5']);
    expect(ids(await collected(follow({ follow: false, from: '7:3' })))).toEqual(['7:4', '7:5']);
  });

  it('goes on behind a cursor without a gap or a double, and ends on abort', async () => {
    for (let number = 1; number <= 3; number += 1) bus.publish(exited(number));
    const pieces = follow({ from: '7:1' });
    const first = await pieces.next();
    expect(ids(first.value ?? '')).toEqual(['7:2', '7:3']);
    bus.publish(exited(4));
    const next = pieces.next();
    expect(ids((await next).value ?? '')).toEqual(['7:4']);
    const waiting = pieces.next();
    bus.publish(exited(5));
    bus.publish(exited(6));
    expect(ids((await waiting).value ?? '')).toEqual(['7:5', '7:6']);
    const last = pieces.next();
    abort.abort();
    expect(await last).toEqual({ done: true, value: undefined });
  });

  it('gives only what comes from now on without a cursor', async () => {
    bus.publish(exited(1));
    const pieces = follow();
    const waiting = pieces.next();
    bus.publish(exited(2));
    expect(ids((await waiting).value ?? '')).toEqual(['7:2']);
    await pieces.return(undefined);
  });

  it('answers a cursor of an older epoch with a reset and the state to go on from', async () => {
    bus.publish(exited(1));
    const pieces = follow({ from: '6:40', snapshot: () => ({ pools: [{ pool: 'chat' }] }) });
    expect((await pieces.next()).value).toBe('id: 7:1\nevent: reset\ndata: {"cursor":"7:1","pools":[{"pool":"chat"}]}\n\n');
    const waiting = pieces.next();
    bus.publish(exited(2));
    expect(ids((await waiting).value ?? '')).toEqual(['7:2']);
    await pieces.return(undefined);
  });

  it('leaves out what was not asked for', async () => {
    bus.publish(exited(1));
    bus.publish({ type: 'pool.state', pool: 'chat', facts: {} });
    bus.publish({ type: 'pool.state', pool: 'embed', facts: {} });
    const of = async (types: readonly string[] | null, pool: string | null): Promise<readonly string[]> =>
      ids(await collected(follow({ follow: false, wanted: eventFilter({ types, pool }) })));
    expect(await of(['engine.*'], null)).toEqual(['7:1']);
    expect(await of(['pool.state', 'engine.ready'], 'embed')).toEqual(['7:3']);
    expect(await of(null, 'chat')).toEqual(['7:1', '7:2']);
    expect(await of(['*.e*d'], null)).toEqual(['7:1']);
    expect(await of(['*'], null)).toHaveLength(3);
    expect(await of(['engine', 'engine.*.exited', 'engine.exited*d'], null)).toEqual([]);
  });

  it('takes no time over a pattern made to take long', () => {
    const wanted = eventFilter({ types: [`${'*a'.repeat(20_000)}*b`], pool: null });
    expect(wanted({ ...exited(1), cursor: '7:1', at: '' })).toBe(false);
  });

  it('cuts a follower that is further behind than the bus keeps, with its place to come back to', async () => {
    bus.publish(exited(1));
    const pieces = follow({ from: '7:0' });
    expect(ids((await pieces.next()).value ?? '')).toEqual(['7:1']);
    for (let number = 2; number <= 200; number += 1) bus.publish(exited(number));
    expect((await pieces.next()).value).toBe('id: 7:1\nevent: lagged\ndata: {"cursor":"7:200"}\n\n');
    expect((await pieces.next()).done).toBe(true);
  });
});

describe('the stream over a socket', () => {
  let home = '';
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'poold-stream-'));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it('holds back little for a client that stops reading, and tells it when it reads again', async () => {
    const path = join(home, 'sock');
    let response: ServerResponse | undefined;
    const served = new Promise<void>((resolve) => {
      server.once('request', (_request: IncomingMessage, answer: ServerResponse) => {
        response = answer;
        resolve(pipeline(Readable.from(follow({ from: '7:0' }), { objectMode: false, highWaterMark: 1 }), answer));
      });
    });
    server.listen(path);
    await once(server, 'listening');
    bus.publish(exited(1));
    const asked = request({ socketPath: path }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    await once(answer, 'readable');
    // 40 MB in all, 100 events of them kept; the client reads nothing meanwhile.
    for (let number = 2; number <= 4_000; number += 1) {
      bus.publish(exited(number, 'x'.repeat(10_000)));
      if (number % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(response?.writableLength).toBeLessThan(1 << 20);
    const whole = await text(answer);
    await served;
    expect(whole.endsWith('event: lagged\ndata: {"cursor":"7:4000"}\n\n')).toBe(true);
    const seen = ids(whole).slice(0, -1);
    expect(seen).toEqual(seen.map((_id, index) => `7:${index + 1}`));
    server.close();
  });

  const server = createServer();
});
