/** First faults: nobody is there for a minute, while engines write and die. */
import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { pause, systemClock } from '../../src/clock.ts';
import { endRigsAfterEach } from './each.ts';
import { Rig, until } from './rig.ts';

endRigsAfterEach();

/** How long no daemon is there; the issue says a minute. */
const ABSENCE_SECONDS = Number(process.env.POOLD_ABSENCE_SECONDS ?? 60);
const ENDS = ['0', '1', '2', '3', 'KILL', 'SEGV', 'TERM', 'stay', 'stay', 'stay'];
const LINES = 100_000;

/** What `writes-when-away.sh` has to have written, generation by generation. */
function expectedLog(replica: number, generations: number): Buffer {
  const lines = Array.from({ length: LINES }, (_, index) => `line ${String(index + 1).padStart(6, '0')} ${'0'.repeat(93)}\n`);
  return Buffer.from(['ready\n', ...lines, `last words of ${replica}\n`, 'ready\n'.repeat(generations - 1)].join(''));
}

it(`engines write 10 MB each and end in ${ABSENCE_SECONDS} s without a daemon: same pids, no byte missing, every code and last line known`, {
  timeout: ABSENCE_SECONDS * 1000 + 120_000,
}, async () => {
  const pauseSeconds = (ABSENCE_SECONDS * 0.7) / 20;
  const rig = new Rig({
    writer: {
      engine: { command: ['ENGINES/writes-when-away.sh', 'DIR', pauseSeconds.toFixed(3), ...ENDS] },
      replicas: ENDS.length,
      readyAfter: '100ms',
      backoff: { delay: '50ms', limit: '50ms' },
      // Less than what each writes, so that its log is also rotated when the daemon is back.
      logs: { maxSize: '4MiB', keep: 20 },
    },
  });
  await rig.start();
  await rig.poolReaches('writer', 'running');
  const pids = (await rig.pool('writer')).engines.map(({ pid }) => pid);
  await rig.endDaemon('SIGKILL');
  const aloneMs = systemClock.nowMs();
  writeFileSync(rig.path('away'), '');
  // That all is written while nobody reads is the proof that nobody was blocked.
  await until('all have written', () => ENDS.every((_, replica) => rig.has(`written-${replica}`)), ABSENCE_SECONDS * 1000 + 60_000);
  await pause(systemClock, ABSENCE_SECONDS * 1000 - (systemClock.nowMs() - aloneMs));
  const backMs = systemClock.wallMs();
  await rig.start();

  for (const [replica, end] of ENDS.entries()) {
    const id = `writer/${replica}`;
    if (end === 'stay') expect(await rig.engine(id)).toMatchObject({ state: 'ready', generation: 1, pid: pids[replica] });
    else await expectEnded(rig, { replica, end, backMs });
    const expected = expectedLog(replica, end === 'stay' || end === '0' ? 1 : 2);
    await until(`all of the log of ${id} is there`, () => rig.log(id).equals(expected));
  }
  expect(await rig.pool('writer')).toMatchObject({ crashCount: ENDS.filter((end) => end !== '0' && end !== 'stay').length });
  await rig.endsClean();
});

async function expectEnded(rig: Rig, of: { readonly replica: number; readonly end: string; readonly backMs: number }): Promise<void> {
  const { replica, end, backMs } = of;
  const id = `writer/${replica}`;
  const known = /^\d/.test(end) ? { code: Number(end), signal: null } : { code: null, signal: `SIG${end}` };
  const clean = end === '0';
  const entry = await rig.ended(id, 1);
  expect(entry, id).toMatchObject({ ...known, class: clean ? 'clean' : known.signal === null ? 'error' : 'signal' });
  expect(entry.lastLines.at(-1), id).toBe(`last words of ${replica}`);
  expect(Date.parse(entry.at), `${id} ended while nobody was there`).toBeLessThan(backMs);
  await rig.reaches(id, clean ? 'stopped' : 'ready', clean ? 0 : 1);
}
