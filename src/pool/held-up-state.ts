/**
 * A daemon can be held up: by a debugger, a full swap, a frozen container. When it goes on, what was sent to it in that time lies unread, and its timers
 * are due before it is read. So what time would end then gets a moment, once, in which whoever spoke in time is heard.
 */

/** Of a timer; one that merely shares its processor is rarely as late. */
const LATE_MS = 250;

/** What lies in sockets and pipes is read within this, also where thousands have spoken. */
export const HEARING_MS = 1_000;

/** Whether nobody was there to see that it was due. Both monotonic. */
export function missed(dueMs: number, nowMs: number): boolean {
  return nowMs > dueMs + LATE_MS;
}
