import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { LIMITS } from '../../src/api/limits.ts';
import { watchLines } from '../../src/api/lines.ts';
import type { Clock } from '../../src/clock.ts';

/** More than the kernel takes off our hands for a client that does not read. */
const ANSWER = Buffer.alloc(4 * 1024 * 1024, 'x');

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Its sweeps come when the test says so; `late` moves the time on first. */
function sweeps(): { readonly clock: Clock; readonly sweep: (lateMs: number) => void } {
  let nowMs = 0;
  let next: (() => void) | null = null;
  const clock: Clock = {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    random: () => 0,
    after(_delayMs, fire) {
      next = fire;
      return { cancel: () => undefined };
    },
  };
  return {
    clock,
    sweep(lateMs) {
      nowMs += lateMs;
      if (next === null) throw new Error('nothing waits for the next sweep');
      next();
    },
  };
}

async function listening(clock: Clock): Promise<{ readonly server: Server; readonly client: Socket }> {
  const directory = mkdtempSync(join(tmpdir(), 'poold-lines-'));
  undo.push(() => rmSync(directory, { recursive: true }));
  const server = createServer((_request, response) => response.end(ANSWER));
  const watch = watchLines(server, clock);
  undo.push(() => watch.cancel());
  await once(server.listen(join(directory, 'sock')), 'listening');
  undo.push(() => new Promise((closed) => server.close(closed)));
  const client = connect(join(directory, 'sock')).pause();
  undo.push(() => client.destroy());
  return { server, client };
}

async function answered(server: Server, client: Socket): Promise<{ readonly line: Socket; readonly response: ServerResponse }> {
  const asked = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
  client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const [{ socket: line }, response] = await asked;
  return { line, response };
}

it('closes a connection whose answer nobody takes', async () => {
  const { clock, sweep } = sweeps();
  const { server, client } = await listening(clock);
  const { line } = await answered(server, client);
  sweep(5_000);
  sweep(LIMITS.unreadMs);
  expect(line.destroyed).toBe(false);
  const closed = once(line, 'close');
  sweep(1);
  await closed;
});

it('leaves one alone whose answer was taken, however long it idles, and counts anew for the next', async () => {
  const { clock, sweep } = sweeps();
  const { server, client } = await listening(clock);
  const { line, response } = await answered(server, client);
  sweep(5_000);
  const taken = once(response, 'close');
  client.resume();
  await taken;
  sweep(LIMITS.unreadMs * 2);
  expect(line.destroyed).toBe(false);
  client.pause();
  expect((await answered(server, client)).line).toBe(line);
  sweep(1);
  sweep(LIMITS.unreadMs);
  expect(line.destroyed).toBe(false);
});
