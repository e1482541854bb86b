import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { listenerOf } from '../../src/engine/port-holder.ts';
import { Ports, usesPort } from '../../src/engine/ports.ts';
import { poolSpec } from './pool-spec.ts';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** A port that somebody holds: this very process. */
function held(): Promise<number> {
  const server = createServer();
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

const host = '127.0.0.1';

describe('a port', () => {
  it('stays with its replica until it is given up, and is never two replicas’', async () => {
    const busy = await held();
    // A range in which only the first is known to be taken.
    const ports = new Ports([busy, busy + 40]);
    const first = await ports.take({ engine: 'chat/0', wanted: 'auto', host });
    const second = await ports.take({ engine: 'chat/1', wanted: 'auto', host });
    if (first.is !== 'free' || second.is !== 'free') throw new Error('no port is free');
    expect(first.port).not.toBe(busy);
    expect(second.port).not.toBe(first.port);
    expect(await ports.take({ engine: 'chat/0', wanted: 'auto', host })).toEqual(first);
    expect(ports.of('chat/0')).toBe(first.port);
    expect(ports.keep('other/0', first.port)).toBe(false);
    ports.giveUp('chat/0');
    expect(ports.of('chat/0')).toBeNull();
    expect(ports.keep('other/0', first.port)).toBe(true);
  });

  it('is never given to two that ask at once', async () => {
    const free = await held();
    servers.pop()?.close();
    const ports = new Ports([free, free + 40]);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, replica) => ports.take({ engine: `chat/${replica}`, wanted: 'auto', host })),
    );
    const given = answers.flatMap((answer) => (answer.is === 'free' ? [answer.port] : []));
    expect(new Set(given).size).toBe(given.length);
    expect(given.length).toBe(8);
  });

  it('that is fixed and held is busy, and its holder is named', async () => {
    const busy = await held();
    const ports = new Ports([20_000, 20_001]);
    expect(listenerOf(busy)).toBe(process.pid);
    expect(await ports.take({ engine: 'chat/0', wanted: busy, host })).toEqual({
      is: 'busy',
      message: expect.stringMatching(new RegExp(`^port ${busy} is held by pid ${process.pid} \\(.+\\)$`)),
    });
    expect(ports.keep('other/0', busy)).toBe(false);
  });

  it('of another replica is not even tried', async () => {
    const ports = new Ports([20_000, 20_001]);
    ports.keep('chat/0', 20_000);
    expect(await ports.take({ engine: 'chat/1', wanted: 20_000, host })).toEqual({ is: 'busy', message: 'port 20000 belongs to chat/0' });
  });

  it('of its own that a stranger took is exchanged for another at once, with auto', async () => {
    const busy = await held();
    const ports = new Ports([busy, busy + 40]);
    ports.keep('chat/0', busy);
    const answer = await ports.take({ engine: 'chat/0', wanted: 'auto', host });
    expect(answer).toMatchObject({ is: 'free' });
    expect(ports.of('chat/0')).toBe(answer.is === 'free' ? answer.port : null);
    expect(ports.of('chat/0')).not.toBe(busy);
  });

  it('that a pool names itself is no other’s by auto, also while nobody has it', async () => {
    const free = await held();
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    const named = new Set(Array.from({ length: 40 }, (_, step) => free + step));
    const ports = new Ports([free, free + 80], named);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, replica) => ports.take({ engine: `chat/${replica}`, wanted: 'auto', host })),
    );
    for (const answer of answers) expect(answer).toMatchObject({ is: 'free', port: expect.toSatisfy((port) => port >= free + 40) });
    expect(await ports.take({ engine: 'named/0', wanted: free, host })).toEqual({ is: 'free', port: free });
    expect(await new Ports([free, free + 39], named).take({ engine: 'chat/0', wanted: 'auto', host })).toEqual({
      is: 'busy',
      message: `there is no port left, and no other port of ${free}-${free + 39} is free`,
    });
  });

  it('of a range that is all taken is busy and says so', async () => {
    const busy = await held();
    const ports = new Ports([20_000, 20_001]);
    expect(await ports.take({ engine: 'chat/0', wanted: [busy, busy], host })).toEqual({
      is: 'busy',
      message: expect.stringMatching(new RegExp(`^port ${busy} is held by pid .*, and no other port of ${busy}-${busy} is free$`)),
    });
    expect(ports.of('chat/0')).toBeNull();
  });
});

it('is only taken by a pool that speaks of it', () => {
  expect(usesPort(poolSpec({ command: ['worker'] }))).toBe(false);
  expect(usesPort(poolSpec({ command: ['worker', '--listen', '${host}:${port}'] }))).toBe(true);
  expect(usesPort(poolSpec({ env: { PORT: '${port}' } }))).toBe(true);
  expect(usesPort(poolSpec({ port: 8080 }))).toBe(true);
  const readiness = {
    action: { by: 'tcpSocket', port: null },
    periodMs: 1,
    timeoutMs: 1,
    successThreshold: 1,
    failureThreshold: 1,
  } as const;
  expect(usesPort({ ...poolSpec({}), probes: { startup: null, readiness, liveness: null, progress: null } })).toBe(true);
});
