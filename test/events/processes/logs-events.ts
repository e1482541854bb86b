/** Logs two events, as JSON or for people; or floods the log and says so on stderr. */
import { systemClock } from '../../../src/clock.ts';
import { createBus } from '../../../src/events/bus.ts';
import { createLog, logEvents } from '../../../src/log.ts';

const mode = process.argv[2];
const log = createLog(mode === 'pretty' ? { level: 'info', pretty: true } : { level: 'info' });
const bus = createBus({ epoch: 4, clock: systemClock });
logEvents(bus, log);
if (mode === 'flood') {
  const turn = (left: number): void => {
    for (let number = 0; number < 100; number += 1) log.info('x'.repeat(2_000));
    if (left > 0) setImmediate(turn, left - 1);
    else process.stderr.write('flooded\n');
  };
  turn(100);
  setInterval(() => {}, 1_000);
} else {
  const message = 'killed by SIGKILL after 12.5 s';
  const facts = {
    class: 'signal',
    code: null,
    signal: 'SIGKILL',
    uptimeMs: 12_500,
    crashCount: 2,
    failure: true,
    engineVersion: 'v1',
    message,
  };
  bus.publish({ type: 'engine.exited', pool: 'chat', engine: 'chat/0', generation: 3, facts });
  bus.publish({
    type: 'restart.storm',
    pool: 'chat',
    facts: { class: 'oom_storm', count: 10, windowMs: 30_000, hint: 'look at the memory' },
  });
}
