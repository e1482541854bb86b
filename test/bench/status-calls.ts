/** A hundred clients ask for the state of a pool, again and again, while others wait in its queue and are promoted. */
import { Rig } from '../machine/rig.ts';
import { clientProcess } from './client-process.ts';
import { table } from './figures.ts';
import type { LeaseFigures } from './leases.ts';
import type { Part } from './part.ts';

const ASKERS = 100;
const SLOTS = 8;
const HOLDERS = 32;
const SECONDS = 8;

interface Asked {
  readonly answers: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
}

export const statusCalls: Part = {
  name: 'status',
  title: `${ASKERS} concurrent status calls while promotion goes on`,
  async run() {
    const rig = new Rig({ busy: { engine: { command: ['sleep', '100000'] }, slots: SLOTS, readyAfter: '0ms' } });
    try {
      await rig.start();
      await rig.poolReaches('busy', 'running');
      const socket = rig.path('run/lease.sock');
      const alone = await clientProcess<Asked>('status-clients.ts', [socket, 'busy', String(ASKERS), String(SECONDS)]).ended;
      const waitMs = 60_000;
      // A moment longer, so that promotion goes on to the last question.
      const promoted = clientProcess<LeaseFigures>('lease-clients.ts', [
        socket,
        'busy',
        String(HOLDERS),
        String(SECONDS + 2),
        String(waitMs),
      ]);
      const beside = await clientProcess<Asked>('status-clients.ts', [socket, 'busy', String(ASKERS), String(SECONDS)]).ended;
      const pairs = await promoted.ended;
      await rig.endsClean();
      return told(alone, beside, pairs);
    } finally {
      await rig.tidyUp();
    }
  },
};

function told(alone: Asked, beside: Asked, { pairs, p50Ms, p99Ms }: LeaseFigures): string {
  const row = (name: string, { answers, p50Ms: p50, p99Ms: p99, mostMs }: Asked): string[] => [
    name,
    (answers / SECONDS).toFixed(0),
    ...[p50, p99, mostMs].map((ms) => ms.toFixed(1)),
  ];
  const promotion = `${(pairs / (SECONDS + 2)).toFixed(0)} grants/s from the queue, waits p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
  return `\`GET /v1/pools/busy\` on ${ASKERS} connections, each asking again when it is answered; ${HOLDERS} clients want ${SLOTS} slots.
Clients share the machine. During promotion: ${promotion}.

${table(['', 'answers/s', 'p50 ms', 'p99', 'most'], [row('nobody else', alone), row('while promotion goes on', beside)])}`;
}
