/** `wait POOL --for ready|drained|stopped`. */
import type { PoolStatus } from '../../pool/status.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { harmless } from '../harmless.ts';
import type { Session } from '../session.ts';
import { wholePool } from '../target.ts';
import { span } from '../times.ts';

const REACHED: Readonly<Record<string, (pool: PoolStatus) => boolean>> = {
  ready: ({ ready }) => ready,
  drained: ({ state }) => state === 'drained',
  stopped: ({ state }) => state === 'stopped',
};

/** Events say when to look; this is for the moment before the first of them can come. */
const LOOK_AGAIN_MS = 1_000;

export async function wait(session: Session, name: string, { for: state }: { readonly for: string }): Promise<ExitCode> {
  const { client, out, clock, timeoutMs } = session;
  const pool = wholePool(name);
  const reached = REACHED[state];
  if (reached === undefined)
    throw new UsageError(`cannot wait for ${JSON.stringify(state)}: there is --for ${Object.keys(REACHED).join(' and --for ')}`);
  const endMs = timeoutMs === null ? Number.POSITIVE_INFINITY : clock.nowMs() + timeoutMs;
  const leave = new AbortController();
  const events = client.events({ follow: true, pool }, leave.signal)[Symbol.asyncIterator]();
  let said = '';
  try {
    for (let event = heard(events.next()); ; ) {
      const now = await client.pool(pool);
      if (reached(now)) {
        if (out.json) out.value(now);
        else out.lines([`${pool}: ${now.state}`]);
        return EXIT.done;
      }
      const line = `${pool}: ${now.state}${now.message === null ? '' : `: ${harmless(now.message)}`}`;
      if (now.state !== said && !out.json) out.note(line);
      said = now.state;
      const leftMs = endMs - clock.nowMs();
      if (leftMs <= 0 || out.closed.aborted) {
        out.note(`poolctl: cannot wait any longer: after ${span(timeoutMs ?? 0)} ${line}`);
        return EXIT.timedOut;
      }
      if (await within(session, event, Math.min(LOOK_AGAIN_MS, leftMs))) event = heard(events.next());
    }
  } finally {
    leave.abort();
  }
}

/** A broken stream is no news: the next look at the pool says what is wrong. */
function heard(next: Promise<IteratorResult<unknown>>): Promise<boolean> {
  return next.then(
    ({ done }) => !done,
    () => false,
  );
}

/** True when something was heard in time. */
function within({ clock }: Session, heard: Promise<boolean>, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.after(limitMs, () => resolve(false));
    void heard.then((something) => {
      // Without events only the timer is left to wait for.
      if (!something) return;
      timer.cancel();
      resolve(true);
    });
  });
}
