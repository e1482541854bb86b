/** Requests that are kept open: held until there is an answer, or answered line by line. The client may hang up at any time. */
import { request } from 'node:http';
import type { Answer, Place, Question } from './asking.ts';

export interface Line {
  readonly heardMs: number;
  readonly says: Readonly<Record<string, unknown>>;
}

export class Lasting {
  readonly lines: Line[] = [];
  /** The whole of it, once the daemon has ended it. */
  answer: Answer | null = null;
  /** The connection is gone, whoever has ended it. */
  gone = false;
  readonly #asked: ReturnType<typeof request>;

  constructor(place: Place, { method, path, headers = {}, body = '' }: Question) {
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    this.#asked = request({ ...place, method, path, headers: { host: 'localhost', ...length, ...headers } }, (answer) => {
      let text = '';
      let rest = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        const lines = (rest + piece).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) this.lines.push({ heardMs: performance.now(), says: JSON.parse(line) as Line['says'] });
      });
      answer.on('end', () => {
        this.answer = { status: answer.statusCode ?? 0, headers: answer.headers as Record<string, string>, text };
      });
      answer.on('error', () => {});
    });
    // It is cut when the client hangs up, or with the daemon.
    this.#asked.on('error', () => {});
    this.#asked.on('close', () => {
      this.gone = true;
    });
    this.#asked.end(body);
  }

  hangUp(): void {
    this.#asked.destroy();
  }
}
