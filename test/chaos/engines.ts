/** PURE: engines outlive their daemon: the same processes before and after, nothing more, nobody blamed. */
import type { PoolStatus } from '../../src/pool/status.ts';
import type { Violation } from './history.ts';

export const ADOPTED_WITHIN_MS = 2_000;

/** By the median: a machine that is busy with something else holds up single starts. */
export function adoptionViolations(adoptedMs: readonly number[]): Violation[] {
  const medianMs = medianOf(adoptedMs);
  if (!(medianMs > ADOPTED_WITHIN_MS)) return [];
  return [
    {
      promise: 'adopted-in-time',
      says: `all engines were adopted ${Math.round(medianMs)} ms after the start of the daemon, by the median`,
    },
  ];
}

export function medianOf(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** What the daemon tells of them. */
export function toldViolations(before: readonly PoolStatus[], after: readonly PoolStatus[]): Violation[] {
  const now = new Map(linesOf(after));
  const was = new Map(linesOf(before));
  const names = new Set([...was.keys(), ...now.keys()]);
  return [...names]
    .filter((name) => was.get(name) !== now.get(name))
    .map((name) => broken(`${name} was ${was.get(name) ?? 'not there'}, and is ${now.get(name) ?? 'not there'}`));
}

/** Pids of engines and launchers, as the system shows them. */
export function processViolations(before: readonly number[], after: readonly number[]): Violation[] {
  const lost = before.filter((pid) => !after.includes(pid));
  const more = after.filter((pid) => !before.includes(pid));
  return [...lost.map((pid) => broken(`process ${pid} is gone`)), ...more.map((pid) => broken(`process ${pid} is an orphan or a double`))];
}

/** Lines of engines that write down their starts: `start` or `double`, engine, generation. No generation starts twice, and none out of turn. */
export function journalViolations(lines: readonly string[]): Violation[] {
  const violations: Violation[] = [];
  const last = new Map<string, number>();
  for (const line of lines) {
    const [what, engine = '', generation] = line.split(' ');
    const before = last.get(engine) ?? 0;
    if (what === 'double')
      violations.push({ promise: 'one-process-per-replica', says: `generation ${generation} of ${engine} was started beside another` });
    else if (what === 'start' && Number(generation) <= before)
      violations.push({
        promise: 'one-process-per-replica',
        says: `generation ${generation} of ${engine} was started after generation ${before}`,
      });
    if (what === 'start') last.set(engine, Number(generation));
  }
  return violations;
}

function linesOf(pools: readonly PoolStatus[]): [string, string][] {
  return pools.flatMap(({ pool, crashCount, restartCount, engines }) => [
    [pool, `crashCount ${crashCount}, restartCount ${restartCount}`] satisfies [string, string],
    ...engines.map(({ id, pid, generation, state }) => [id, `${state}, pid ${pid}, generation ${generation}`] satisfies [string, string]),
  ]);
}

function broken(says: string): Violation {
  return { promise: 'engines-as-before', says };
}
