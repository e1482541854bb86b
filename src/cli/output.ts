/** Data goes to stdout, messages to stderr, and a reader that has gone (`| head`) ends the command quietly. */
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

export class Output {
  /** Aborted when nobody reads stdout any more. */
  readonly closed: AbortSignal;
  /** What `--output` says. */
  readonly json: boolean;
  #liveChars = 0;

  constructor(json: boolean) {
    const closed = new AbortController();
    this.closed = closed.signal;
    this.json = json;
    for (const stream of [process.stdout, process.stderr]) {
      stream.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') throw error;
        closed.abort();
      });
    }
  }

  /** Columns of the terminal, or null where the output goes elsewhere. */
  get width(): number | null {
    return process.stdout.isTTY ? process.stdout.columns : null;
  }

  lines(lines: readonly string[]): void {
    if (lines.length > 0) this.#write(`${lines.join('\n')}\n`);
  }

  value(value: unknown): void {
    this.#write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** One line of NDJSON. */
  record(value: unknown): void {
    this.#write(`${JSON.stringify(value)}\n`);
  }

  note(message: string): void {
    this.live(null);
    process.stderr.write(`${message}\n`);
  }

  /** The one line that is drawn over while something goes on; only on a terminal. Null takes it away. */
  live(text: string | null): void {
    if (!process.stderr.isTTY || (text === null && this.#liveChars === 0)) return;
    const fitting = (text ?? '').slice(0, Math.max(1, process.stderr.columns - 1));
    process.stderr.write(`\r${fitting.padEnd(this.#liveChars)}${text === null ? '\r' : ''}`);
    this.#liveChars = fitting.length;
  }

  /** Coloured where stdout is a terminal and NO_COLOR is not set. */
  style(format: Style, text: string): string {
    return styleText(format, text, { stream: process.stdout });
  }

  #write(text: string): void {
    if (this.closed.aborted) return;
    this.live(null);
    process.stdout.write(text);
  }
}

/** Good, on its way, bad; the rest has no colour. */
export function stateColor(state: string): 'green' | 'yellow' | 'red' | null {
  if (['running', 'ready', 'succeeded', 'closed'].includes(state)) return 'green';
  if (['starting', 'degraded', 'unready', 'backoff', 'stopping', 'draining', 'half_open', 'queued'].includes(state)) return 'yellow';
  if (['failed', 'stuck', 'open'].includes(state)) return 'red';
  return null;
}
