/** A stream goes out no faster than its client takes it, and a client that takes nothing is cut. */
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../clock.ts';
import { LIMITS } from './limits.ts';
import type { StreamReply } from './route.ts';

export interface PieceSending {
  readonly response: ServerResponse;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called once, right before the head is written. */
  readonly begun: () => void;
  readonly failed: (error: unknown) => void;
}

/** Throws what the first piece throws, when the stream does not follow; later failures cut the connection, so that nobody takes a part for the whole. */
export async function sendPieces(reply: StreamReply, sending: PieceSending): Promise<void> {
  const { response, clock, signal, begun, failed } = sending;
  const iterator = reply.pieces[Symbol.asyncIterator]();
  // ORDER: asked before the head goes out, so what happens after a client has seen the head is in its stream.
  let asked = iterator.next();
  if (!reply.follows) await asked;
  begun();
  response.writeHead(reply.status, { 'content-type': reply.type, 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  response.flushHeaders();
  const heart = heartbeat(reply, sending);
  try {
    for (let next = await asked; !next.done && !signal.aborted; next = await asked) {
      heart.beat();
      if (!response.write(next.value)) await taken(response, clock);
      asked = iterator.next();
    }
    response.end();
  } catch (error) {
    if (!signal.aborted) failed(error);
    response.destroy();
  } finally {
    heart.cancel();
    await iterator.return?.();
  }
}

function heartbeat({ heartbeat: text }: StreamReply, { response, clock }: PieceSending): { beat(): void; cancel(): void } {
  let timer: Timer | null = null;
  const beat = (): void => {
    timer?.cancel();
    if (text === null) return;
    timer = clock.after(LIMITS.heartbeatMs, () => {
      if (!response.writableNeedDrain) response.write(text);
      beat();
    });
  };
  beat();
  return { beat, cancel: () => timer?.cancel() };
}

/** Resolves when there is room again, or the client has gone or was cut. */
function taken(response: ServerResponse, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cut = clock.after(LIMITS.unreadMs, () => response.destroy());
    const done = (): void => {
      cut.cancel();
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
    if (response.destroyed) done();
  });
}
