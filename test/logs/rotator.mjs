/** Rotates the log of chat/0 as fast as it can until it is killed: `node rotator.mjs DIR PID-OF-THE-WRITER`; a dot on stdout for each rotation. */
import { readFileSync, writeSync } from 'node:fs';
import { systemClock } from '../../src/clock.ts';
import { openLog } from '../../src/engine/logs/log-file.ts';

const [dir = '', pid = ''] = process.argv.slice(2);
const log = await openLog({
  dir,
  pool: 'chat',
  replica: 0,
  side: 'a',
  limits: { maxSizeBytes: 256 * 1024, keep: 1000, whenFull: 'drop-oldest' },
  clock: systemClock,
  freeze: async () => {
    process.kill(Number(pid), 'SIGSTOP');
    while (!/^\d+ \(.*\) T/.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
    return async () => void process.kill(Number(pid), 'SIGCONT');
  },
  emitDropped: () => {},
});
for (;;) {
  log.look();
  if (log.needsRotation) {
    await log.rotate();
    writeSync(1, '.');
  } else await new Promise((resolve) => setImmediate(resolve));
}
