/** Plain HTTP as curl would speak it, over a socket or TCP, well-formed or not. */
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';

export type Place = { readonly socketPath: string } | { readonly host: string; readonly port: number };

export interface Question {
  readonly method: string;
  /** As it stands, with nothing resolved or encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export function ask(place: Place, { method, path, headers = {}, body }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const asked = request({ ...place, method, path, headers: { host: 'localhost', ...length, ...headers } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      answer
        .on('error', reject)
        .on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers as Record<string, string>, text }));
    });
    asked.on('error', reject).end(body);
  });
}

/** Writes the text, whether or not it is a whole request, and reads until the other side closes. */
export function askRaw(place: Place, text: string): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = 'socketPath' in place ? connect(place.socketPath) : connect(place.port, place.host);
    let heard = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      heard += piece;
    });
    // A refusal may close the connection before everything is written.
    socket.on('error', () => {});
    socket.on('close', () => resolve(answerIn(heard)));
    socket.write(text);
  });
}

/** One that nobody has at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function answerIn(text: string): Answer {
  const [head = '', ...body] = text.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { status: Number(first.split(' ')[1] ?? 0), headers, text: body.join('\r\n\r\n') };
}
