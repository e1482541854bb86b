/** Follows an operation to its end: on a terminal a live line, and a line per step everywhere. */
import { ClientError } from '../../client/client-error.ts';
import type { Operation } from '../../pool/status.ts';
import { harmless } from '../harmless.ts';
import { liveLine } from '../live-line.ts';
import type { Session } from '../session.ts';
import { sameMoment } from '../times.ts';

/** How long one look lasts: a step is shown at most this late, the end at once. */
const LOOK_MS = 1_000;

/** The operation once it has ended, or as it is when `endMs` (monotonic) is reached or nobody reads any more. */
export async function followed(session: Session, begun: Operation, endMs: number): Promise<Operation> {
  const { client, out, clock } = session;
  const startMs = clock.nowMs();
  const log = new CandidateLog(session);
  let [operation, told] = [begun, 0];
  let deadline: { readonly at: string | null; readonly sinceMs: number } = { at: null, sinceMs: 0 };
  try {
    for (;;) {
      for (const step of operation.steps.slice(told)) if (!out.json) out.note(`${operation.pool}: ${harmless(step.text)}`);
      told = operation.steps.length;
      const leftMs = endMs - clock.nowMs();
      if (operation.endedAt !== null || leftMs <= 0 || out.closed.aborted) return operation;
      const { deadlineAt, candidate } = operation.progress;
      if (!sameMoment(deadlineAt, deadline.at)) deadline = { at: deadlineAt, sinceMs: clock.wallMs() };
      if (out.liveColumns !== null) {
        const seen = { passedMs: clock.nowMs() - startMs, wallMs: clock.wallMs(), deadlineSinceMs: deadline.sinceMs };
        out.live(liveLine(operation, { ...seen, logLine: log.lastOf(candidate), columns: out.liveColumns }));
      }
      operation = await client.operation(operation.id, Math.min(LOOK_MS, leftMs));
    }
  } catch (error) {
    if (error instanceof ClientError && error.code === 'unreachable')
      out.note(
        `${operation.kind} ${operation.pool} goes on when poold is there again: poolctl operations ${operation.id} tells how far it is`,
      );
    throw error;
  } finally {
    log.leave();
  }
}

/** The last line that a candidate wrote, asked for at most once a second and never waited for. */
class CandidateLog {
  readonly #session: Session;
  readonly #gone = new AbortController();
  #of: string | null = null;
  #line: string | null = null;
  #asking = false;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(session: Session) {
    this.#session = session;
  }

  /** What is known by now of this generation, `chat/0#5`; asks for more meanwhile. */
  lastOf(candidate: string | null): string | null {
    if (candidate !== this.#of) [this.#of, this.#line] = [candidate, null];
    const nowMs = this.#session.clock.nowMs();
    if (candidate !== null && !this.#asking && nowMs - this.#askedMs >= LOOK_MS) {
      [this.#asking, this.#askedMs] = [true, nowMs];
      void this.#ask(candidate);
    }
    return this.#line;
  }

  leave(): void {
    this.#gone.abort();
  }

  async #ask(candidate: string): Promise<void> {
    const [, pool, replica, generation] = /^([^/]+)\/(\d+)#(\d+)$/.exec(candidate) ?? [];
    try {
      if (pool === undefined) return;
      const which = { replica: Number(replica), generation: Number(generation), tail: 1 };
      for await (const { is, text } of this.#session.client.logs(pool, which, this.#gone.signal))
        if (is === 'line' && text !== undefined && candidate === this.#of) this.#line = text;
    } catch {
      // It is for decoration only: whatever is wrong, the operation itself will say.
    } finally {
      this.#asking = false;
    }
  }
}
