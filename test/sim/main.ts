/** `node test/sim/main.ts --schedules N --seed S [--only a,b] [--slots N]`: many schedules, or one of them again, with its trace. */
import { parseArgs } from 'node:util';
import { Coverage } from './coverage.ts';
import { runSchedule } from './schedule.ts';
import { failureReport } from './shrink.ts';

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    slots: { type: 'string' },
    coverage: { type: 'boolean', default: false },
  },
});

process.exitCode =
  values.only === undefined ? many(Number(values.schedules), Number(values.seed)) : again(Number(values.seed), values.only);

function many(schedules: number, firstSeed: number): number {
  const coverage = new Coverage();
  for (let done = 0; done < schedules; done += 1) {
    const seed = firstSeed + done;
    const outcome = runSchedule({ seed, coverage });
    if (outcome.violation !== null) {
      say(failureReport(seed, outcome));
      return 1;
    }
    if ((done + 1) % 500 === 0 || done + 1 === schedules) {
      // Of the processor and not of the clock on the wall: others work on the machine too.
      const seconds = process.cpuUsage().user / 1_000_000;
      say(
        `${done + 1} schedules, ${coverage.events} events, ${Math.round(coverage.events / seconds)} events/s, ${coverage.pairs} (state, event) pairs`,
      );
    }
  }
  if (values.coverage) say(coverage.report());
  return 0;
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
