/** Real servers on ports of their own, closed behind the test. */
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Served {
  readonly port: number;
  /** Every connection that was accepted. */
  readonly connections: readonly Socket[];
  /** Resolves when the first connection has been let go by the other side. */
  readonly letGo: Promise<void>;
}

/** Does `connected` with each connection. */
export async function serve(connected: (socket: Socket) => void, host = '127.0.0.1'): Promise<Served> {
  const connections: Socket[] = [];
  let firstClosed: () => void = () => {};
  const letGo = new Promise<void>((resolve) => {
    firstClosed = resolve;
  });
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('close', firstClosed);
    connections.push(socket);
    connected(socket);
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  onTestFinished(async () => {
    for (const socket of connections) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, connections, letGo };
}

/** An HTTP answer, whole, to any request. */
export function answers(text: string, status = '200 OK', headers = ''): (socket: Socket) => void {
  const body = Buffer.from(text);
  return (socket) => {
    socket.once('data', () => socket.end(`HTTP/1.1 ${status}\r\n${headers}content-length: ${body.length}\r\n\r\n${text}`));
  };
}

/** A port where nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
