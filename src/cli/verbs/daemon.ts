/** Verbs about the daemon itself: shutdown, version. */
import { ClientError } from '../../client/client-error.ts';
import { pause } from '../../clock.ts';
import { VERSION } from '../../version.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { span } from '../times.ts';
import type { ActOptions } from './act.ts';

const LOOK_MS = 100;

export async function shutdown(
  { client, out, clock, timeoutMs }: Session,
  { engines, reason, wait }: ActOptions & { readonly engines: string },
): Promise<ExitCode> {
  if (engines !== 'stop' && engines !== 'keep') throw new UsageError(`cannot shut down with --engines=${engines}: there is stop and keep`);
  await client.shutdown(engines, reason ?? null);
  const endMs = timeoutMs === null ? Number.POSITIVE_INFINITY : clock.nowMs() + timeoutMs;
  if (wait) {
    out.note(engines === 'stop' ? 'stopping the engines, then poold' : 'stopping poold; the engines run on');
    while (await answers(client)) {
      if (clock.nowMs() >= endMs) {
        out.note(`poolctl: cannot wait any longer: poold still answers after ${span(timeoutMs ?? 0)}; it goes on stopping`);
        return EXIT.timedOut;
      }
      await pause(clock, LOOK_MS);
    }
  }
  if (out.json) out.value({ engines });
  else
    out.lines([
      wait ? `poold: stopped${engines === 'keep' ? '; its engines run on, and the next poold takes them over' : ''}` : 'poold: stopping',
    ]);
  return EXIT.done;
}

async function answers(client: Session['client']): Promise<boolean> {
  try {
    await client.health();
    return true;
  } catch (error) {
    if (error instanceof ClientError && error.code === 'unreachable') return false;
    // A daemon that is busy stopping may refuse: it is still there.
    return true;
  }
}

export async function version({ client, out }: Session): Promise<ExitCode> {
  try {
    const { version: daemon } = await client.health();
    if (out.json) out.value({ poolctl: VERSION, poold: daemon });
    else out.lines([`poolctl ${VERSION}`, `poold ${daemon}`]);
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    if (out.json) out.value({ poolctl: VERSION, poold: null });
    else out.lines([`poolctl ${VERSION}`]);
    out.note(`poolctl: ${error.message}`);
    return EXIT.done;
  }
}
