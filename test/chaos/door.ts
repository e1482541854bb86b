/** When a daemon lets somebody in, as somebody who stands before the door sees it. */
import { request } from 'node:http';
import { connect } from 'node:net';
import { pause, systemClock } from '../../src/clock.ts';

const LOOK_MS = 4;

export interface Opened {
  readonly closedUntilMs: number;
  /** Null: it has died before. */
  readonly openMs: number | null;
}

/** Knocks until it is let in and answered, or until there is nobody any more who could open. */
export async function doorOpened(socketPath: string, dead: () => boolean): Promise<Opened> {
  let closedUntilMs = systemClock.nowMs();
  while (!dead()) {
    const knockedMs = systemClock.nowMs();
    if (await letIn(socketPath)) return { closedUntilMs, openMs: (await answered(socketPath)) ? systemClock.nowMs() : null };
    closedUntilMs = knockedMs;
    await pause(systemClock, LOOK_MS);
  }
  return { closedUntilMs, openMs: null };
}

function letIn(socketPath: string): Promise<boolean> {
  return new Promise((told) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      told(true);
    });
    socket.once('error', () => told(false));
  });
}

/** False: it has died meanwhile. */
function answered(socketPath: string): Promise<boolean> {
  return new Promise((told) => {
    const asked = request({ socketPath, path: '/health', headers: { host: 'localhost' } }, (answer) => {
      answer.resume();
      told(true);
    });
    asked.once('error', () => told(false)).end();
  });
}
