/** A share of many schedules, in a thread of its own: tells how far it is, and ends with the first violation. */
import { parentPort, workerData } from 'node:worker_threads';
import { Coverage } from './coverage.ts';
import { runSchedule } from './schedule.ts';
import { failureReport } from './shrink.ts';

/** Every `stride`-th seed, from the first one on. */
export interface Share {
  readonly seed: number;
  readonly stride: number;
  readonly untilSeed: number;
}

export interface Progress {
  readonly is: 'progress';
  readonly schedules: number;
  readonly events: number;
  readonly counts: Coverage['counts'];
}

export type Word = Progress | { readonly is: 'violation'; readonly report: string };

const TOLD_EVERY = 100;

const share = workerData as Share;
const coverage = new Coverage();
let schedules = 0;
for (let { seed } = share; seed < share.untilSeed; seed += share.stride) {
  const outcome = runSchedule({ seed, coverage });
  if (outcome.violation !== null) {
    tell({ is: 'violation', report: failureReport(seed, outcome) });
    break;
  }
  schedules += 1;
  const last = seed + share.stride >= share.untilSeed;
  if (last || schedules % TOLD_EVERY === 0) tell({ is: 'progress', schedules, events: coverage.events, counts: coverage.counts });
}

function tell(word: Word): void {
  parentPort?.postMessage(word);
}
