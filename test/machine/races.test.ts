/** Races of stop, scale, drain, crash, expiry and acquire within 2 ms of one instant, with a real daemon and real engines: everybody is answered. */
import { beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { endRigsAfterEach } from './each.ts';
import { racedOverHttp, settled } from './race-over-http.ts';
import { needs, Rig } from './rig.ts';

endRigsAfterEach();
beforeAll(() => needs('redis-server', 'redis-server'));

const ROUNDS = Number(process.env.POOLD_RACES_MACHINE ?? 300);
const SEED = Number(process.env.POOLD_RACES_SEED ?? 1);
const ENOUGH_ROUNDS = 200;
/** Each plays its rounds one after the other, on a pool of its own. */
const LANES = 12;
const REPLICAS = 2;
const SLOTS = 2;

const DEADLINES = ['1ms', '3ms', '100ms', '10s'] as const;

function laneOf(lane: number): object {
  return {
    engine: { command: ['redis-server', '--bind', '${host}', '--port', '${port}', '--save', '', '--appendonly', 'no', '--hz', '500'] },
    probes: { startup: { logLine: { pattern: 'Ready to accept connections' }, period: '10ms' } },
    replicas: REPLICAS,
    slots: SLOTS,
    restart: 'always',
    backoff: { delay: '0ms', limit: '50ms' },
    breaker: { failureThreshold: lane % 3 === 0 ? 1 : 1_000, openFor: '50ms' },
    restartLimit: { count: 900 },
    storm: { count: 900 },
    queue: { limit: lane % 4 === 1 ? 2 : 1_000, timeout: '300ms', claim: '100ms' },
    drain: { deadline: DEADLINES[lane % DEADLINES.length] },
    stop: { timeout: '2s' },
  };
}

it(`${ROUNDS} rounds from seed ${SEED} on: one answer to each, in its time, and no slot is lost`, { timeout: 300_000 }, async () => {
  const names = Array.from({ length: LANES }, (_, lane) => `lane-${lane}`);
  const rig = new Rig(Object.fromEntries(names.map((name, lane) => [name, laneOf(lane)])));
  await rig.start();
  for (const name of names) await rig.poolReaches(name, 'running');
  const fromMs = systemClock.nowMs();
  const answers = new Map<string, number>();
  await settled(
    names.map(async (pool, lane) => {
      for (let seed = SEED + lane; seed < SEED + ROUNDS; seed += LANES) {
        const told = await racedOverHttp({ rig, pool, replicas: REPLICAS, slots: SLOTS }, seed).catch((error: Error) => {
          throw new Error(`seed ${seed}, alone by POOLD_RACES_MACHINE=1 POOLD_RACES_SEED=${seed}: ${error.message}`, { cause: error });
        });
        for (const answer of told) answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    }),
  );
  const seconds = (systemClock.nowMs() - fromMs) / 1_000;
  process.stdout.write(`${ROUNDS} rounds in ${seconds.toFixed(1)} s: ${JSON.stringify(Object.fromEntries([...answers].toSorted()))}\n`);
  // Where they are not a few to be looked at again, what they are for has come about in them.
  for (const kind of ROUNDS < ENOUGH_ROUNDS ? [] : ['held', 'ticket', 'bound']) {
    for (const word of ['granted', 'pool_draining', 'pool_stopped'])
      expect(answers.get(`${kind}: ${word}`) ?? 0, `${kind}: ${word}`).toBeGreaterThan(0);
  }
  await rig.endsClean();
});
