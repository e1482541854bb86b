/** Leases and drains: pairs of acquire and release over the socket, and an empty pool's drain until TERM. */
import { systemClock } from '../../src/clock.ts';
import { Rig, until } from '../machine/rig.ts';
import { clientProcess } from './client-process.ts';
import { byValue, median, table } from './figures.ts';
import type { Part } from './part.ts';
import { TELLS_TERM, termsIn } from './terms.ts';

const CLIENTS = 64;
const SECONDS = 8;
const DRAINS = 50;

export interface LeaseFigures {
  readonly pairs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export const leases: Part = {
  name: 'leases',
  title: 'leases over `lease.sock`, and an empty drain',
  async run() {
    const rig = new Rig({
      busy: { engine: { command: ['sleep', '100000'] }, slots: CLIENTS, readyAfter: '0ms' },
      empty: { engine: { command: ['bash', '-c', TELLS_TERM, 'DIR/empty.terms'] }, readyAfter: '100ms' },
    });
    try {
      await rig.start();
      await rig.poolReaches('busy', 'running');
      const many = await load(rig, CLIENTS);
      const one = await load(rig, 1);
      const termMs: number[] = [];
      for (let drain = 0; drain < DRAINS; drain += 1) termMs.push(await untilTerm(rig));
      await rig.endsClean();
      return told(many, one, termMs.toSorted(byValue));
    } finally {
      await rig.tidyUp();
    }
  },
};

function told(many: LeaseFigures, one: LeaseFigures, termMs: readonly number[]): string {
  const perSecond = ({ pairs }: LeaseFigures): string => `${(pairs / SECONDS).toFixed(0)} pairs/s`;
  const most = `least ${(termMs[0] ?? Number.NaN).toFixed(1)}, most ${(termMs.at(-1) ?? Number.NaN).toFixed(1)}`;
  const rows = [
    [`acquire + release, ${CLIENTS} clients`, `${perSecond(many)}; p50 ${many.p50Ms.toFixed(1)} ms, p99 ${many.p99Ms.toFixed(1)} ms`],
    ['the same, one client', perSecond(one)],
    [
      `drain of an empty pool: request sent until the engine's TERM handler runs, median of ${termMs.length}`,
      `${median(termMs).toFixed(1)} ms; ${most}`,
    ],
  ];
  return `Each grant and release is stored before it is answered (durable against SIGKILL); the clients share the machine.

${table(['', ''], rows)}`;
}

function load(rig: Rig, clients: number): Promise<LeaseFigures> {
  return clientProcess<LeaseFigures>('lease-clients.ts', [rig.path('run/lease.sock'), 'busy', String(clients), String(SECONDS)]).ended;
}

async function untilTerm(rig: Rig): Promise<number> {
  const before = termsIn(rig, 'empty.terms').length;
  await rig.poolReaches('empty', 'running');
  const fromMs = systemClock.wallMs();
  await rig.client.act('empty', { do: 'drain', replica: null, deadlineMs: 60_000, extend: false }, null);
  const atMs = await until('the engine was told', () => termsIn(rig, 'empty.terms')[before]);
  await rig.poolReaches('empty', 'drained');
  await rig.client.act('empty', { do: 'resume', replica: null }, null);
  return atMs - fromMs;
}
