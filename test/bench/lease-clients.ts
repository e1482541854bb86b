/**
 * `lease-clients.ts SOCKET POOL CLIENTS SECONDS`: each client takes a lease and gives it back, again and again; prints what came of it as JSON.
 * Bare sockets, one request at a time on each: an HTTP client library would cost this process more than the answers cost the daemon.
 */
import type { Socket } from 'node:net';
import { createConnection } from 'node:net';

const [socketPath = '', pool = '', clientsText = '1', secondsText = '1'] = process.argv.slice(2);
const clients = Number(clientsText);
const endMs = performance.now() + Number(secondsText) * 1_000;
const tookMs: number[] = [];

const HEAD_END = '\r\n\r\n';

/** One client and its connection: an answer is read to its end before the next request goes out. */
class Client {
  readonly #socket: Socket;
  readonly #acquire: string;
  #fromMs = 0;
  #read = '';
  #done: () => void = () => {};

  constructor(holder: string) {
    const body = JSON.stringify({ holder, waitMs: 0 });
    this.#acquire = `POST /v1/pools/${pool}/leases HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    this.#socket = createConnection(socketPath).setEncoding('latin1').setNoDelay();
    this.#socket.on('data', (text: string) => this.#came(text));
    this.#socket.on('error', (error) => {
      throw error;
    });
  }

  /** Resolves when its time is over and its last lease given back. */
  run(): Promise<void> {
    return new Promise((done) => {
      this.#done = done;
      this.#ask();
    });
  }

  #ask(): void {
    this.#fromMs = performance.now();
    this.#socket.write(this.#acquire);
  }

  #came(text: string): void {
    this.#read += text;
    const head = this.#read.indexOf(HEAD_END);
    if (head < 0) return;
    const bodyBytes = Number(/content-length: (\d+)/i.exec(this.#read)?.[1]);
    if (this.#read.length < head + HEAD_END.length + bodyBytes) return;
    const answer = this.#read;
    this.#read = '';
    const status = answer.slice(9, 12);
    if (status === '201') this.#release(JSON.parse(answer.slice(head)) as { id: string; token: string });
    else if (status === '200') this.#released();
    else throw new Error(`cannot take a lease and give it back: ${answer}`);
  }

  #release({ id, token }: { readonly id: string; readonly token: string }): void {
    this.#socket.write(`DELETE /v1/leases/${id} HTTP/1.1\r\nhost: localhost\r\npoold-lease-token: ${token}\r\n\r\n`);
  }

  #released(): void {
    const nowMs = performance.now();
    tookMs.push(nowMs - this.#fromMs);
    if (nowMs < endMs) return this.#ask();
    this.#socket.end();
    this.#done();
  }
}

await Promise.all(Array.from({ length: clients }, (_, number) => new Client(`client-${number}`).run()));
const sorted = tookMs.toSorted((one, other) => one - other);
const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
process.stdout.write(JSON.stringify({ pairs: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) }));
