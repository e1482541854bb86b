/** Clients that take their time, on every connection there is but one; on that one somebody who means well is answered. */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { LIMITS } from '../../src/api/limits.ts';
import { pause, systemClock } from '../../src/clock.ts';
import { until } from '../machine/rig.ts';
import type { HostileRig } from './hostile-rig.ts';
import { faultLines, openDescriptors } from './hostile-rig.ts';
import { QUIET } from './requests.ts';
import { Wire } from './wire.ts';

export interface SlowFigures {
  readonly slow: number;
  readonly replaced: number;
  readonly answered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  /** What the healthy client asked in vain. */
  readonly unanswered: readonly string[];
  readonly faults: readonly string[];
}

const HEAD = `POST /v1/pools/${QUIET}/leases HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`;
/** What each begins with, and what it goes on with, piece by piece. */
const HABITS: readonly { readonly first: string; readonly next: string }[] = [
  { first: '', next: '' },
  { first: 'G', next: 'E' },
  { first: HEAD, next: 'x' },
  { first: `${HEAD}content-length: 100000\r\n\r\n{`, next: ' ' },
  { first: `${HEAD}transfer-encoding: chunked\r\n\r\n`, next: '1\r\n \r\n' },
  // These read nothing of what they are told.
  { first: 'GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(20), next: '' },
  { first: 'GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n', next: '' },
];

/** Beyond `headersTimeoutMs`, so that those who dawdle are cut and come again. */
const DURATION_MS = LIMITS.headersTimeoutMs + 5_000;
const PIECE_EACH_MS = 500;
const ASK_EACH_MS = 5;
const PATIENCE_MS = 15_000;
/** Connections of the rig's own client that the daemon may still have counted as open when it was looked at before. */
const RIGS_OWN = 4;
/** A few at a time: the kernel keeps no more than 511 for a server that has not come to them. */
const BATCH = 128;

export async function slowSockets({
  hostile,
  daemonPid,
}: {
  readonly hostile: HostileRig;
  readonly daemonPid: number;
}): Promise<SlowFigures> {
  const { rig } = hostile;
  await rig.poolReaches(QUIET, 'running');
  // The rig's own client has a connection, too.
  await rig.client.close();
  const before = openDescriptors(daemonPid);
  const healthy = new Wire(hostile.place('api'));
  const unanswered: string[] = [];
  const tookMs: number[] = [];
  const asked = async (): Promise<void> => {
    const path = ['/health', `/v1/pools/${QUIET}`, '/v1/pools'][tookMs.length % 3] ?? '/health';
    const fromMs = systemClock.nowMs();
    const bytes = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    const outcome = await healthy.exchange({ bytes, method: 'GET', patienceMs: PATIENCE_MS, headOnly: () => false });
    tookMs.push(systemClock.nowMs() - fromMs);
    if (outcome.is !== 'answered' || outcome.answer.status !== 200) unanswered.push(`GET ${path}: ${outcome.is}`);
  };
  await asked();
  const crowd = new Crowd(hostile);
  for (let opened = 0; opened < LIMITS.connections - 1; opened += BATCH) {
    await crowd.grow(Math.min(BATCH, LIMITS.connections - 1 - opened));
    // Those that came first may have been cut by now.
    await until('the daemon has taken them', () => openDescriptors(daemonPid) >= before + crowd.standing - RIGS_OWN);
  }
  const slow = crowd.size;
  const untilMs = systemClock.nowMs() + DURATION_MS;
  for (let pieceMs = systemClock.nowMs(); systemClock.nowMs() < untilMs; ) {
    await asked();
    await pause(systemClock, ASK_EACH_MS);
    if (systemClock.nowMs() < pieceMs) continue;
    pieceMs = systemClock.nowMs() + PIECE_EACH_MS;
    crowd.goOn();
  }
  crowd.leave();
  await until('the daemon has let go of them', () => openDescriptors(daemonPid) <= before + 10);
  await asked();
  healthy.close();
  const sorted = tookMs.toSorted((one, other) => one - other);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return {
    slow,
    replaced: crowd.replaced,
    answered: tookMs.length - unanswered.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    mostMs: at(1),
    unanswered,
    faults: faultLines(rig),
  };
}

class Crowd {
  readonly #hostile: HostileRig;
  readonly #sockets: { socket: Socket; readonly habit: number }[] = [];
  replaced = 0;

  constructor(hostile: HostileRig) {
    this.#hostile = hostile;
  }

  get size(): number {
    return this.#sockets.length;
  }

  get standing(): number {
    return this.#sockets.filter(({ socket }) => !socket.destroyed && !socket.readableEnded).length;
  }

  async grow(count: number): Promise<void> {
    const more = Array.from({ length: count }, (_, index) => ({
      socket: this.#opened(index % HABITS.length),
      habit: index % HABITS.length,
    }));
    this.#sockets.push(...more);
    await Promise.all(more.map(({ socket }) => new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))));
  }

  /** The next piece of each; who was cut comes again. */
  goOn(): void {
    for (const one of this.#sockets) {
      if (one.socket.destroyed || one.socket.readableEnded) {
        one.socket.destroy();
        one.socket = this.#opened(one.habit);
        this.replaced += 1;
      } else one.socket.write(HABITS[one.habit]?.next ?? '');
    }
  }

  leave(): void {
    for (const { socket } of this.#sockets) socket.destroy();
  }

  #opened(habit: number): Socket {
    const socket = connect(this.#hostile.place('api'));
    socket.on('error', () => {});
    // Those who are cut in the middle of a request learn of it only by reading.
    if (habit < HABITS.length - 2) socket.resume();
    const first = HABITS[habit]?.first ?? '';
    if (first !== '') socket.write(first);
    return socket;
  }
}
