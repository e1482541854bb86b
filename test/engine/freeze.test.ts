/** Rotation where no head can be cut off a file: the whole engine stands still for that moment, under a writer that never rests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { EngineLogs } from '../../src/engine/engine-logs.ts';
import { freezeTree } from '../../src/engine/freeze.ts';
import type { Identity } from '../../src/engine/identity.ts';
import type { EngineLog } from '../../src/engine/logs/log-file.ts';
import { readLog } from '../../src/engine/logs/read-log.ts';
import { poolSpec } from './pool-spec.ts';
import { CONTAINMENTS, endRigsAfterEach, Rig, until } from './rig.ts';

endRigsAfterEach();

const ROTATIONS = 20;
/** Each word starts the lines of one writer. */
const WRITERS = {
  'a shell': { script: loop('a', 'echo'), words: ['a'] },
  'two shells': { script: `(${loop('a', 'echo')}) & ${loop('b', 'echo')}`, words: ['a', 'b'] },
  // Whoever stops the shell may miss the child that it has just forked.
  'a shell that has each line written by a child': { script: loop('a', `/bin/echo ${'x'.repeat(500)}`), words: [`${'x'.repeat(500)} a`] },
} as const;

function loop(word: string, echo: string): string {
  return `n=0; while :; do n=$((n + 1)); ${echo} ${word} $n; done`;
}

interface Logged {
  readonly rig: Rig;
  readonly log: EngineLog;
  readonly identity: Identity;
}

/** An engine that writes into a log on tmpfs, looked after as in the daemon. */
async function logged(rig: Rig, command: readonly string[]): Promise<Logged> {
  const logDir = mkdtempSync('/dev/shm/poold-freeze-');
  let identity: Identity | null = null;
  const logs = new EngineLogs({
    clock: systemClock,
    logDir,
    tree: rig.room.tree,
    living: () => identity,
    warn: (facts, message) => expect.unreachable(`${message} ${JSON.stringify(facts)}`),
    dropped: (pool, replica, bytes) => expect.unreachable(`${bytes} bytes of ${pool}/${replica} were dropped`),
  });
  onTestFinished(async () => {
    await logs.close();
    rmSync(logDir, { recursive: true });
  });
  const spec = { ...poolSpec({ command }), logs: { maxSizeBytes: 4096, keep: 1_000, whenFull: 'drop-oldest' as const } };
  const log = await logs.of(spec, { replica: 0, side: 'a' });
  await log.started(1);
  const launched = await rig.room.launch({
    ref: rig.ref(),
    side: 'a',
    instance: rig.instance(),
    spec,
    port: null,
    device: null,
    notifySocket: null,
    logFd: log.fd(),
  });
  if (launched.is === 'failed') throw new Error(launched.message);
  identity = launched.identity;
  return { rig, log, identity };
}

async function linesOf(log: EngineLog): Promise<string[]> {
  const lines: string[] = [];
  const query = { tail: null, sinceMs: null, generation: null, follow: false };
  for await (const line of readLog(log, query, new AbortController().signal)) if (line.is === 'line') lines.push(line.text);
  return lines;
}

function isTooLong(log: EngineLog): boolean {
  log.look();
  return log.needsRotation;
}

describe.each(CONTAINMENTS)('rotation on tmpfs under $name', ({ env }) => {
  it.each(Object.entries(WRITERS))(
    'loses and doubles no line of %s at full speed',
    { timeout: 60_000 },
    async (_name, { script, words }) => {
      const { rig, log, identity } = await logged(new Rig({ env }), ['/bin/sh', '-c', script]);
      while (log.olderFiles < ROTATIONS) {
        await until(() => isTooLong(log), 'the engine to write on');
        await log.rotate();
      }
      await until(() => isTooLong(log), 'the engine to write on');
      await rig.room.tree.kill(identity);
      await rig.room.tree.gone(identity);
      log.look();
      const lines = await linesOf(log);
      for (const word of words) {
        // The last one may have been cut by the kill.
        const own = lines.filter((line) => line.startsWith(`${word} `)).slice(0, -1);
        expect(own.findIndex((line, at) => line !== `${word} ${at + 1}`)).toBe(-1);
        expect(own.length).toBeGreaterThan(ROTATIONS);
      }
    },
  );

  it('does not wait for an engine that ends meanwhile, nor for one that is put away', async () => {
    const { rig, identity } = await logged(new Rig({ env }), ['/bin/sleep', '1000']);
    const freezing = freezeTree({ clock: systemClock, tree: rig.room.tree }, identity);
    // Which lets it go on, so that it can die.
    await rig.room.tree.kill(identity);
    const thaw = await freezing;
    await rig.room.tree.gone(identity);
    rig.room.release(rig.ref(), identity);
    await thaw();
    await (await freezeTree({ clock: systemClock, tree: rig.room.tree }, identity))();
  });
});
