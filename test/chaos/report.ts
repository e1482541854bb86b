/** PURE: what came of a run, as a table, and how to run it again. */

import { FAILPOINTS } from '../../src/failpoint.ts';
import { ADOPTED_WITHIN_MS, medianOf } from './engines.ts';
import type { Figures } from './figures.ts';

const MOST_SHOWN = 40;

export function table(figures: Figures, seed: number): string {
  const { kills, by, missed, points, moves, starts, answered, unanswered, seconds, adoptedMs, violations } = figures;
  const late = adoptedMs.filter((ms) => ms > ADOPTED_WITHIN_MS).length;
  const rows: [string, string][] = [
    [
      'kills',
      `${kills}: ${by.moment} at a moment, ${by.start} while it started, ${by.failpoint} at a failpoint (${missed} of those did not come there)`,
    ],
    ['failpoints', `${points.size} of ${FAILPOINTS.length} killed: ${counted(points)}`],
    ['that never did', FAILPOINTS.filter((name) => !points.has(name)).join(', ')],
    ['done to engines', `${counted(moves)}; ${starts} starts of one of these pools`],
    ['operations', `${answered + unanswered} (${unanswered} of them without an answer)`],
    ['answered per second', (answered / seconds).toFixed(0)],
    ['adopted, median', `${medianOf(adoptedMs).toFixed(0)} ms`],
    ['adopted, most', `${Math.max(...adoptedMs).toFixed(0)} ms (${late} later than ${ADOPTED_WITHIN_MS} ms)`],
    ['violations', String(violations.length)],
  ];
  const lines = rows.map(([what, value]) => `${what.padEnd(24)} ${value}`);
  if (violations.length === 0) return lines.join('\n');
  const shown = violations.slice(0, MOST_SHOWN).map(({ kill, death, promise, says }) => `kill ${kill} (${death}): ${promise}: ${says}`);
  return [...lines, '', ...shown, '', `again: npm run chaos -- --n ${kills} --seed ${seed}`].join('\n');
}

function counted(times: ReadonlyMap<string, number>): string {
  return [...times]
    .toSorted(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
