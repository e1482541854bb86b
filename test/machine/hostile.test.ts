/** Twenty thousand requests that nobody should send, and as many slow clients as may connect: the daemon answers, and its engines live on. */
import { expect, it } from 'vitest';
import { hostileRig } from '../hostile/hostile-rig.ts';
import { slowSockets } from '../hostile/slow-sockets.ts';
import { mebibytes, storm } from '../hostile/storm.ts';
import { endRigsAfterEach } from './each.ts';

endRigsAfterEach();

const REQUESTS = Number(process.env.POOLD_HOSTILE_REQUESTS ?? 20_000);
const SEED = Number(process.env.POOLD_HOSTILE_SEED ?? 1);
/** From when the daemon is warm: what it keeps is bounded, and full by then. */
const GROWTH_BYTES = 64 * 2 ** 20;
/** Far beyond anything but a loop: others work on the machine, too. */
const STALL_MS = 2_500;

it(`${REQUESTS} hostile requests, seed ${SEED}: each refusal is a problem of its route, nothing is harmed, memory stays flat`, {
  timeout: 600_000,
}, async () => {
  const hostile = hostileRig();
  const daemon = await hostile.rig.start();
  const { seconds, outcomes, warmBytes, mostBytes, endBytes, lag, longestLagMs } = await storm({
    hostile,
    requests: REQUESTS,
    seed: SEED,
    daemonPid: daemon.pid ?? 0,
  });
  process.stdout.write(
    `${REQUESTS} requests in ${seconds.toFixed(1)} s: ${JSON.stringify(outcomes)}; resident ${mebibytes(warmBytes)} MiB warm, ${mebibytes(mostBytes)} at most, ${mebibytes(endBytes)} in the end; event loop: ${lag}\n`,
  );
  expect(daemon.exitCode ?? daemon.signalCode, hostile.rig.daemonLog()).toBeNull();
  expect(endBytes - warmBytes, `seed ${SEED}`).toBeLessThan(GROWTH_BYTES);
  expect(longestLagMs, `seed ${SEED}: ${lag}`).toBeLessThanOrEqual(STALL_MS);
  await hostile.rig.endsClean();
});

it('a healthy client is answered while slow ones hold all other connections', { timeout: 300_000 }, async () => {
  const hostile = hostileRig();
  const daemon = await hostile.rig.start();
  const figures = await slowSockets({ hostile, daemonPid: daemon.pid ?? 0 });
  process.stdout.write(
    `beside ${figures.slow} slow sockets (${figures.replaced} were cut and came again): ${figures.answered} answers, p50 ${figures.p50Ms.toFixed(2)} ms, p99 ${figures.p99Ms.toFixed(2)} ms, most ${figures.mostMs.toFixed(1)} ms\n`,
  );
  expect(figures.unanswered).toEqual([]);
  expect(figures.faults).toEqual([]);
  await hostile.rig.endsClean();
});
