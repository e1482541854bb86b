/** What `daemon.ts` starts: an engine room in a process of its own. Says one line of JSON per launch. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import type { EngineExit } from '../../src/engine/exits.ts';
import { instanceOf } from '../../src/engine/instance.ts';
import { EngineRoom } from '../../src/engine/room.ts';
import type { DaemonOrder } from './daemon.ts';
import { poolSpec } from './pool-spec.ts';

const order = JSON.parse(process.argv[2] ?? '') as DaemonOrder;
const { stateDir, stateInstance } = order;
let ended: ((exit: EngineExit) => void) | undefined;
const room = new EngineRoom({
  clock: systemClock,
  stateDir,
  stateInstance,
  env: { PATH: process.env.PATH, HOME: '/tmp', ...order.env },
  exited: (exit) => ended?.(exit),
  launcherLost: () => {},
  ...(order.nodeSpawn ? { posixSpawn: async () => null } : {}),
});
const logFd = openSync(join(stateDir, 'engine.log'), 'a');
const spec = poolSpec(order.engine);

async function launch(generation: number) {
  const ref = { pool: 'chat', replica: 0, generation };
  const exit = new Promise<EngineExit>((resolve) => {
    ended = resolve;
  });
  const launched = await room.launch({ ref, side: 'a', instance: instanceOf(stateInstance, ref), spec, port: null, device: null, logFd });
  return { ref, launched, exit };
}

function takeAll(): number[] {
  const taken: number[] = [];
  for (;;) {
    try {
      taken.push(openSync('/dev/null', 'r'));
    } catch {
      return taken;
    }
  }
}

for (let generation = 1; generation <= order.generations; generation += 1) console.log(JSON.stringify((await launch(generation)).launched));

// A daemon listens, and so lives on: no engine of its own keeps it.
const living = setInterval(() => {}, 1000);
if (order.freeUpTo !== null) {
  for (let free = 0; free <= order.freeUpTo; free += 1) {
    const taken = takeAll();
    for (let given = 0; given < free; given += 1) closeSync(taken.pop() ?? -1);
    const { ref, launched, exit } = await launch(free + 1);
    for (const fd of taken) closeSync(fd);
    if (launched.is === 'started') {
      await exit;
      await room.tree.gone(launched.identity);
      room.release(ref, launched.identity);
    }
    console.log(JSON.stringify(launched));
  }
  room.close();
  clearInterval(living);
}
