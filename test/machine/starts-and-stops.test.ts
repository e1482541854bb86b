/** Many generations through one daemon: it holds afterwards what it held before. POOLD_STARTS=10000 for the long form, which shows the curve. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { endRigsAfterEach } from './each.ts';
import { Rig, ROOT, until } from './rig.ts';

endRigsAfterEach();

const SHORT = 200;
const STARTS = Number(process.env.POOLD_STARTS ?? SHORT);
/** How often the pool is stopped and started over by hand within them. */
const ROUNDS = 2;
const REPLICAS = 4;
/** Enough to have met every path and filled every bounded list but the longest. */
const WARM_UP = 100;
const MIB = 1 << 20;

interface Holds {
  readonly active: Readonly<Record<string, number>>;
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly descriptors: number;
}

it(`${STARTS} starts and ends later a daemon has the descriptors, timers and memory that it had`, {
  timeout: 120_000 + STARTS * 500,
}, async () => {
  const rig = new Rig({
    loop: {
      engine: { command: ['true'] },
      replicas: REPLICAS,
      restart: 'always',
      autostart: false,
      backoff: { delay: '1ms', limit: '1ms' },
      breaker: { failureThreshold: 10_000 },
      restartLimit: { count: 100_000, window: '1s' },
      storm: { count: 100_000, window: '1s' },
      logs: { maxSize: '64KiB', keep: 1 },
    },
  });
  const options = `--expose-gc --import=${join(ROOT, 'test/machine/tells-resources.mjs')}`;
  const daemon = await rig.start({ env: { NODE_OPTIONS: options, POOLD_TELLS_RESOURCES: rig.path('resources') } });
  let asked = 0;
  const told = async (): Promise<Holds> => {
    asked += 1;
    daemon.kill('SIGUSR2');
    await until('it tells what it holds', () => rig.has(`resources.${asked}`));
    const holds = JSON.parse(rig.text(`resources.${asked}`)) as Omit<Holds, 'descriptors'>;
    return { ...holds, descriptors: readdirSync(`/proc/${daemon.pid}/fd`).length };
  };
  const run = async (starts: number): Promise<Holds> => {
    const issued = async () => (await rig.pool('loop')).engines.reduce((sum, { generation }) => sum + generation, 0);
    const last = (await issued()) + starts;
    await rig.client.act('loop', { do: 'start', replica: null }, null);
    await until(`it has started ${starts} more`, async () => (await issued()) >= last, starts * 500 + 30_000);
    await rig.client.act('loop', { do: 'stop', replica: null, now: true }, null);
    await rig.poolReaches('loop', 'stopped');
    return told();
  };

  const before = await run(WARM_UP);
  const curve: Holds[] = [];
  const rounds = STARTS > SHORT ? 10 : ROUNDS;
  for (let round = 1; round <= rounds; round += 1) curve.push(await run(STARTS / rounds));
  if (STARTS > SHORT) for (const holds of [before, ...curve]) process.stdout.write(`${JSON.stringify(holds)}\n`);
  // What is just on its way is not held.
  await until('descriptors and timers are no more than before', async () => {
    const { active, descriptors } = await told();
    const more = Object.entries(active).filter(([kind, count]) => count > (before.active[kind] ?? 0));
    expect({ more, descriptors }).toEqual({ more: [], descriptors: expect.toSatisfy((now: number) => now <= before.descriptors) });
    return true;
  });
  const after = curve.at(-1) ?? before;
  expect((after.heapBytes - before.heapBytes) / MIB).toBeLessThan(8);
  // What V8 keeps of the system's in reserve comes and goes by as much.
  expect((after.rssBytes - before.rssBytes) / MIB).toBeLessThan(128);
  expect(readdirSync(rig.path('state/runs'))).toEqual([]);
  expect(rig.leaves()).toEqual([]);
  await rig.endsClean();
});
