/** HTTP by hand over one kept connection: no client library would send what is sent here. */
import type { NetConnectOpts, Socket } from 'node:net';
import { connect } from 'node:net';
import type { Timer } from '../../src/clock.ts';
import { systemClock } from '../../src/clock.ts';

export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export type Outcome =
  | { readonly is: 'answered'; readonly answer: Answer }
  /** Closed before an answer was whole; what came of it. */
  | { readonly is: 'closed'; readonly bytes: Buffer }
  /** The time was over, and we hung up. */
  | { readonly is: 'left' };

export interface Exchange {
  readonly bytes: Buffer;
  /** HEAD has no body, whatever its length says. */
  readonly method: string;
  readonly patienceMs: number;
  /** Whether a good head is enough; the connection ends with it then. */
  readonly headOnly: (headers: ReadonlyMap<string, string>) => boolean;
}

export class Wire {
  readonly #options: NetConnectOpts;
  #socket: Socket | null = null;

  constructor(options: NetConnectOpts) {
    this.#options = options;
  }

  /** One request, one answer. What the server closes, a new connection takes the place of. */
  exchange({ bytes, method, patienceMs, headOnly }: Exchange): Promise<Outcome> {
    const socket = this.#open();
    return new Promise((resolve) => {
      let heard: Buffer = Buffer.alloc(0);
      const done = (outcome: Outcome, keep = false): void => {
        timer.cancel();
        socket.off('data', data).off('close', closed).off('end', closed);
        if (!keep) this.close();
        resolve(outcome);
      };
      const data = (piece: Buffer): void => {
        heard = heard.length === 0 ? piece : Buffer.concat([heard, piece]);
        const found = firstAnswer(heard, { method, headOnly });
        if (found === null) return;
        const keep = found.whole && found.rest.length === 0 && found.answer.headers.get('connection') !== 'close';
        done({ is: 'answered', answer: found.answer }, keep);
      };
      const closed = (): void => done({ is: 'closed', bytes: heard });
      const timer: Timer = systemClock.after(patienceMs, () => done({ is: 'left' }));
      socket.on('data', data).once('close', closed).once('end', closed);
      socket.write(bytes);
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #open(): Socket {
    if (this.#socket === null || this.#socket.destroyed || !this.#socket.writable) {
      this.#socket = connect(this.#options);
      // What went wrong shows in what came, or did not.
      this.#socket.on('error', () => {});
    }
    return this.#socket;
  }
}

/** Sends all of it and half-closes; everything that came until the server has closed too, or null when it has not in time. */
export function shout(options: NetConnectOpts, bytes: Buffer, patienceMs: number): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = connect({ ...options, allowHalfOpen: true });
    const heard: Buffer[] = [];
    const timer = systemClock.after(patienceMs, () => {
      socket.destroy();
      resolve(null);
    });
    socket.on('error', () => {});
    socket.on('data', (piece: Buffer) => void heard.push(piece));
    socket.once('close', () => {
      timer.cancel();
      resolve(Buffer.concat(heard));
    });
    socket.end(bytes);
  });
}

const HEAD_END = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);

/** Null while it is not whole. Interim answers are passed over. */
export function firstAnswer(
  bytes: Buffer,
  { method, headOnly }: Pick<Exchange, 'method' | 'headOnly'>,
): { readonly answer: Answer; readonly rest: Buffer; readonly whole: boolean } | null {
  const end = bytes.indexOf(HEAD_END);
  if (end === -1) return null;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1] ?? Number.NaN);
  const behind = bytes.subarray(end + HEAD_END.length);
  if (status < 200) return firstAnswer(behind, { method, headOnly });
  const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
  const answered = (body: Buffer, rest: Buffer, whole = true) => ({ answer: { status, headers, body }, rest, whole });
  if (method === 'HEAD' || status === 204 || status === 304) return answered(NOTHING, behind);
  if (status === 200 && headOnly(headers)) return answered(NOTHING, NOTHING, false);
  if (headers.get('transfer-encoding') === 'chunked') {
    const found = unchunked(behind);
    return found === null ? null : answered(found.body, found.rest);
  }
  const length = Number(headers.get('content-length') ?? Number.NaN);
  if (Number.isNaN(length)) return answered(behind, NOTHING, false);
  return behind.length < length ? null : answered(behind.subarray(0, length), behind.subarray(length));
}

function unchunked(bytes: Buffer): { readonly body: Buffer; readonly rest: Buffer } | null {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line === -1) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    const from = line + 2;
    if (bytes.length < from + size + 2) return null;
    if (size === 0) return { body: Buffer.concat(pieces), rest: bytes.subarray(from + 2) };
    pieces.push(bytes.subarray(from, from + size));
    at = from + size + 2;
  }
}
