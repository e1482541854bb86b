import type { Server, ServerResponse } from 'node:http';
import type { Clock, Timer } from '../clock.ts';
import { LIMITS } from './limits.ts';

const SWEEP_MS = 5_000;

/** Closes connections whose answer is finished on our side and still not taken after `LIMITS.unreadMs`: one of 1,024 places each. */
export function cutUnread(server: Server, clock: Clock): Timer {
  const finishedMs = new Map<ServerResponse, number | null>();
  let timer: Timer | null = null;
  const sweep = (): void => {
    const nowMs = clock.nowMs();
    for (const [response, sinceMs] of finishedMs) {
      if (!response.writableEnded) continue;
      if (sinceMs === null) finishedMs.set(response, nowMs);
      else if (nowMs - sinceMs > LIMITS.unreadMs) response.destroy();
    }
    timer = finishedMs.size > 0 ? clock.after(SWEEP_MS, sweep) : null;
  };
  const requested = (_request: unknown, response: ServerResponse): void => {
    finishedMs.set(response, null);
    response.once('close', () => finishedMs.delete(response));
    timer ??= clock.after(SWEEP_MS, sweep);
  };
  server.on('request', requested);
  return {
    cancel: () => {
      server.off('request', requested);
      timer?.cancel();
    },
  };
}
