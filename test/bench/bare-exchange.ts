/** A bare socket with one request at a time: an HTTP client library would cost this process more than the answers cost the daemon. */
import type { Socket } from 'node:net';
import { createConnection } from 'node:net';

const HEAD_END = '\r\n\r\n';

/** Reads each answer to its end, and tells it, before the next request may go out. */
export class BareExchange {
  readonly #socket: Socket;
  readonly #answered: (status: string, body: string) => void;
  #read = '';

  constructor(socketPath: string, answered: (status: string, body: string) => void) {
    this.#answered = answered;
    this.#socket = createConnection(socketPath).setEncoding('latin1').setNoDelay();
    this.#socket.on('data', (text: string) => this.#came(text));
    this.#socket.on('error', (error) => {
      throw error;
    });
  }

  ask(request: string): void {
    this.#socket.write(request);
  }

  end(): void {
    this.#socket.end();
  }

  #came(text: string): void {
    this.#read += text;
    const head = this.#read.indexOf(HEAD_END);
    if (head < 0) return;
    const bodyFrom = head + HEAD_END.length;
    const bodyBytes = Number(/content-length: (\d+)/i.exec(this.#read)?.[1]);
    if (this.#read.length < bodyFrom + bodyBytes) return;
    const answer = this.#read;
    this.#read = '';
    this.#answered(answer.slice(9, 12), answer.slice(bodyFrom));
  }
}

/** Runs `count` of them until each has called `done`. */
export async function allOf(count: number, run: (number: number, done: () => void) => void): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, number) => new Promise<void>((done) => run(number, done))));
}
