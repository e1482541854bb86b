/** Data goes to stdout, messages to stderr, and a reader that has gone (`| head`) ends the command quietly. */
import { styleText } from 'node:util';
import { fitting, widthOf } from './width.ts';

type Style = Parameters<typeof styleText>[0];

/** Of a terminal that does not say how wide it is. */
const UNKNOWN_COLUMNS = 80;

export class Output {
  /** Aborted when nobody reads stdout any more. */
  readonly closed: AbortSignal;
  /** What `--output` says. */
  readonly json: boolean;
  #liveWidth = 0;

  constructor(json: boolean) {
    const closed = new AbortController();
    this.closed = closed.signal;
    this.json = json;
    for (const stream of [process.stdout, process.stderr]) {
      stream.on('error', (error: NodeJS.ErrnoException) => {
        // EIO: the terminal itself has gone.
        if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
        closed.abort();
      });
    }
  }

  /** Columns of the terminal, or null where the output goes elsewhere. */
  get width(): number | null {
    return process.stdout.isTTY ? process.stdout.columns : null;
  }

  /** Room for the live line, or null where there is none. */
  get liveColumns(): number | null {
    return process.stderr.isTTY ? Math.max(1, (process.stderr.columns || UNKNOWN_COLUMNS) - 1) : null;
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
    const columns = this.liveColumns;
    if (columns === null || (text === null && this.#liveWidth === 0)) return;
    const shown = fitting(text ?? '', columns);
    const width = widthOf(shown);
    process.stderr.write(`\r${shown}${' '.repeat(Math.max(0, this.#liveWidth - width))}${text === null ? '\r' : ''}`);
    this.#liveWidth = width;
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
  if (
    [
      'starting',
      'degraded',
      'unready',
      'backoff',
      'stopping',
      'draining',
      'drained',
      'reloading',
      'paused',
      'half_open',
      'queued',
    ].includes(state)
  )
    return 'yellow';
  if (['failed', 'stuck', 'open'].includes(state)) return 'red';
  return null;
}
