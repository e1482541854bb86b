/**
 * `node test/sim/main.ts --schedules N --seed S [--jobs N] [--coverage]`: many schedules, on so many cores.
 * `node test/sim/main.ts --seed S --only a,b [--slots N]`: one of them again, with its trace.
 */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Coverage } from './coverage.ts';
import type { Progress, Share, Word } from './job.ts';
import { runSchedule } from './schedule.ts';

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    only: { type: 'string' },
    slots: { type: 'string' },
    coverage: { type: 'boolean', default: false },
  },
});

/** Schedules from one line of progress to the next. */
const TOLD_EVERY = 500;

if (values.only === undefined) many(Number(values.schedules), Number(values.seed), Number(values.jobs));
else process.exitCode = again(Number(values.seed), values.only);

/** Each job takes every so-manieth seed: whatever their number, the same schedules are run. */
function many(schedules: number, firstSeed: number, jobs: number): void {
  const words = new Map<number, Progress>();
  let told = 0;
  for (let job = 0; job < jobs; job += 1) {
    const workerData: Share = { seed: firstSeed + job, stride: jobs, untilSeed: firstSeed + schedules };
    const worker = new Worker(new URL('./job.ts', import.meta.url), { workerData });
    worker.on('message', (word: Word) => {
      if (word.is === 'violation') {
        say(word.report);
        process.exit(1);
      }
      words.set(job, word);
      const all = [...words.values()];
      const done = all.reduce((sum, { schedules: one }) => sum + one, 0);
      if (done - told < TOLD_EVERY && done < schedules) return;
      told = done;
      say(progress(done, all));
      if (done === schedules && values.coverage) say(coverageOf(all).report());
    });
  }
}

function progress(schedules: number, words: readonly Progress[]): string {
  const { events, pairs } = coverageOf(words);
  // Of a processor and not of the clock on the wall: others work on the machine too.
  const seconds = process.cpuUsage().user / 1_000_000;
  return `${schedules} schedules, ${events} events, ${Math.round(events / seconds)} events/s of a core, ${pairs} (state, event) pairs`;
}

function coverageOf(words: readonly Progress[]): Coverage {
  const all = new Coverage();
  for (const word of words) all.add(word);
  return all;
}

function again(seed: number, only: string): number {
  const kept = new Set(only.split(',').filter((name) => name !== ''));
  const slotsMax = values.slots === undefined ? {} : { slotsMax: Number(values.slots) };
  const { violation } = runSchedule({ seed, only: values.only === 'all' ? null : kept, ...slotsMax, trace: say });
  say(violation === null ? 'no violation' : violation.message);
  return violation === null ? 0 : 1;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
