/** The simulator finds bugs: each of these is planted, found within a few schedules, and named by the promise it breaks. */
import { describe, expect, it } from 'vitest';
import { PLANTS } from './plants/all.ts';
import { runSchedule } from './schedule.ts';
import { failureReport } from './shrink.ts';

const SCHEDULES_MAX = 500;

describe('planted bugs', { timeout: 60_000 }, () => {
  it.each(PLANTS)('is found: $bug', ({ machine, breaks }) => {
    for (let seed = 1; seed <= SCHEDULES_MAX; seed += 1) {
      const { violation } = runSchedule({ seed, machine });
      if (violation === null) continue;
      expect(breaks).toContain(violation.invariant);
      expect(runSchedule({ seed }).violation).toBeNull();
      return;
    }
    expect.unreachable(`not found in ${SCHEDULES_MAX} schedules`);
  });

  it('a failing seed is reported with a command and a trace that is shrunk', () => {
    const plant = PLANTS.find(({ bug }) => bug.includes('whole tree'));
    if (plant === undefined) throw new Error('that plant is gone');
    const { machine } = plant;
    const seed =
      Array.from({ length: SCHEDULES_MAX }, (_, index) => index + 1).find(
        (one) => runSchedule({ seed: one, machine }).violation !== null,
      ) ?? 0;
    const outcome = runSchedule({ seed, machine });
    const report = failureReport(seed, outcome, machine);
    expect(report).toContain(`replay: node test/sim/main.ts --seed ${seed} `);
    expect(report).toContain(outcome.violation?.message.split(':')[0]);
    const [, from, to] = /shrunk from (\d+) to (\d+) upsets/.exec(report) ?? [];
    expect(Number(to)).toBeLessThanOrEqual(Number(from));
    expect(Number(to)).toBeLessThan(12);
  });
});
