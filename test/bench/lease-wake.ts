/** From the release of the one slot until the next in the queue has read that it is his. */
import { Rig } from '../machine/rig.ts';
import { clientProcess } from './client-process.ts';
import { table } from './figures.ts';
import type { Part } from './part.ts';

const ROUNDS = 2_000;
/** Those of the longest queue are connections, and the socket takes 1,024. */
const QUEUES = [1, 32, 900];
const GOAL_MS = 5;

interface Wakes {
  readonly rounds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
}

export const leaseWake: Part = {
  name: 'lease-wake',
  title: "from a release to the waiter's answer",
  async run() {
    const rig = new Rig({ narrow: { engine: { command: ['sleep', '100000'] }, readyAfter: '0ms', queue: { timeout: '10m' } } });
    try {
      await rig.start();
      await rig.poolReaches('narrow', 'running');
      const rows: string[][] = [];
      for (const waiting of QUEUES) {
        const words = [rig.path('run/lease.sock'), 'narrow', String(waiting), String(ROUNDS)];
        const { p50Ms, p99Ms, mostMs } = await clientProcess<Wakes>('wake-clients.ts', words).ended;
        rows.push([`${waiting} in the queue`, p50Ms.toFixed(2), p99Ms.toFixed(2), mostMs.toFixed(1)]);
      }
      await rig.endsClean();
      return `One slot, ${ROUNDS} hand-overs each: the release is written to its socket, and the next one, whose request has been waiting, has read his answer.
The release and the grant are stored before. Goal: p99 at most ${GOAL_MS} ms.

${table(['', 'p50 ms', 'p99 ms', 'most ms'], rows)}`;
    } finally {
      await rig.tidyUp();
    }
  },
};
