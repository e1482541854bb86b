import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { listeningOn } from '../../src/engine/listening.ts';

const CONNECTIONS = 500;

async function listens(host: string): Promise<{ readonly port: number; readonly close: () => void }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it has no port');
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  onTestFinished(close);
  return { port: address.port, close };
}

it('what listens is found beside many connections, also where it began after them; connections to it are not it', async () => {
  const busy = await listens('127.0.0.1');
  const connections = await Promise.all(
    Array.from(
      { length: CONNECTIONS },
      () =>
        new Promise<Socket>((resolve) =>
          connect(busy.port, '127.0.0.1', function (this: Socket) {
            resolve(this);
          }),
        ),
    ),
  );
  onTestFinished(() => {
    for (const connection of connections) void connection.destroy();
  });
  const later = await listens('127.0.0.1');
  const both = await listens('::');
  expect(listeningOn(busy.port)).toEqual([{ address: '0100007F', inode: expect.stringMatching(/^\d+$/) }]);
  expect(listeningOn(later.port)).toEqual([{ address: '0100007F', inode: expect.stringMatching(/^\d+$/) }]);
  expect(listeningOn(both.port)).toMatchObject([{ address: '0'.repeat(32) }]);
  later.close();
  await expect.poll(() => listeningOn(later.port)).toEqual([]);
});
