/** A launcher's process, and the one line that it says. */
import type { Readable } from 'node:stream';
import type { Child } from './child.ts';
import { startChild } from './child.ts';
import type { PosixSpawn, SpawnOrder } from './posix-spawn.ts';

export interface Running extends Child {
  /** The first line it says, or null when it ended without. */
  readonly word: Promise<string | null>;
}

/** Throws as `startChild`. */
export function startLauncher(posixSpawn: PosixSpawn | null, order: SpawnOrder): Running {
  const child = startChild(posixSpawn, order);
  return { ...child, word: lineFrom(child.pipes[0]) };
}

/** ORDER: once the line is here the pipe is dropped, so a running engine costs the daemon no descriptor. */
function lineFrom(stream: Readable | undefined): Promise<string | null> {
  return new Promise((resolve) => {
    if (stream === undefined) return resolve(null);
    let text = '';
    stream.on('error', () => resolve(null));
    stream.on('close', () => resolve(null));
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (!text.includes('\n') && text.length < 4096) return;
      resolve(text);
      stream.destroy();
    });
  });
}
