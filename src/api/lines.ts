/** The connections of a server that have asked for something, and the answer that is under way on each. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../clock.ts';
import { LIMITS } from './limits.ts';

const SWEEP_MS = 5_000;

/** One connection. */
interface Line {
  /** The newest request that is not answered yet. */
  response: ServerResponse | null;
  /** When its answer was first seen finished on our side and not taken; monotonic. */
  finishedMs: number | null;
}

const lines = new WeakMap<Duplex, Line>();

/** Whether a reply there would be taken for the answer to what was broken: not while an earlier, whole request waits for its own. */
export function answerable(socket: Duplex): boolean {
  const response = lines.get(socket)?.response ?? null;
  return response === null || !(response.req.complete || response.headersSent);
}

/**
 * Closes connections whose answer is finished on our side and still not taken after `LIMITS.unreadMs`: one of 1,024 places each.
 * ORDER: to be called before the server has a handler, so that a broken request behind a good one never writes into the good one's answer.
 */
export function watchLines(server: Server, clock: Clock): Timer {
  const open = new Set<Line>();
  let timer: Timer | null = null;
  const sweep = (): void => {
    const nowMs = clock.nowMs();
    for (const line of open) cutUnread(line, nowMs);
    timer = open.size > 0 ? clock.after(SWEEP_MS, sweep) : null;
  };
  const opened = (socket: Duplex): Line => {
    const line: Line = { response: null, finishedMs: null };
    lines.set(socket, line);
    open.add(line);
    socket.once('close', () => open.delete(line));
    timer ??= clock.after(SWEEP_MS, sweep);
    return line;
  };
  const requested = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    const line = lines.get(socket) ?? opened(socket);
    line.response = response;
    line.finishedMs = null;
    response.once('close', () => {
      if (line.response === response) line.response = null;
    });
  };
  server.prependListener('request', requested);
  return {
    cancel: () => {
      server.off('request', requested);
      timer?.cancel();
    },
  };
}

function cutUnread(line: Line, nowMs: number): void {
  if (line.response?.writableEnded !== true) return;
  if (line.finishedMs === null) line.finishedMs = nowMs;
  else if (nowMs - line.finishedMs > LIMITS.unreadMs) line.response.destroy();
}
