/** Rules about back-off, breaker, limiter and storm: which of them can never act beside the others. Pure. */
import { backoffDelayMs } from '../policy/backoff.ts';
import { OWN_CLASSES } from '../policy/crash-class.ts';
import { hint } from './nearest.ts';
import type { Finding, Path } from './problem.ts';
import { failure, warning } from './problem.ts';
import { formatDuration } from './quantity.ts';
import type { PoolSpec } from './spec.ts';
import type { Wrote } from './template-rules.ts';

export function restartFindings(pool: PoolSpec, wrote: Wrote): Finding[] {
  return [...togetherFindings(pool, wrote), ...lengthFindings(pool), ...classFindings(pool, wrote), ...patternFindings(pool)];
}

const LIMIT_COUNT: Path = ['restartLimit', 'count'];
const STORM_COUNT: Path = ['storm', 'count'];
const THRESHOLD: Path = ['breaker', 'failureThreshold'];

/** Only for counts that somebody wrote: the defaults are meant for all pools, and one bad replica is not meant to trip them. */
function togetherFindings(pool: PoolSpec, wrote: Wrote): Finding[] {
  const { restartLimit, storm, breaker, replicas } = pool;
  const usual = Math.max(10, 2 * replicas);
  const limit = restartLimit.count ?? usual;
  const stormCount = storm.count ?? usual;
  const wroteLimit = wrote(LIMIT_COUNT) || wrote(['restartLimit', 'window']);
  const wroteStorm = wrote(STORM_COUNT) || wrote(['storm', 'window']);
  const findings: Finding[] = [];
  /** At the first of `paths` that somebody wrote. */
  const say = (paths: readonly Path[], message: string): number => findings.push(warning(paths.find(wrote) ?? paths[0] ?? [], message));

  const mostInLimit = mostRestarts(pool, restartLimit.windowMs);
  const before = `the breakers open before that (failureThreshold ${breaker.failureThreshold}, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'})`;
  if (wrote(LIMIT_COUNT) && limit >= mostInLimit) {
    say(
      [LIMIT_COUNT],
      `cannot ever hold a restart back: at most ${mostInLimit} restarts fall into ${formatDuration(restartLimit.windowMs)}, ${before}; lower it below that`,
    );
  }
  const mostInStorm = mostRestarts(pool, storm.windowMs);
  if (wrote(STORM_COUNT) && stormCount > mostInStorm) {
    say(
      [STORM_COUNT],
      `cannot ever be reached: at most ${mostInStorm} restarts fall into ${formatDuration(storm.windowMs)}, ${before}; lower it to that or less`,
    );
  }
  const passed = limit * Math.ceil(storm.windowMs / restartLimit.windowMs);
  if ((wroteLimit || wroteStorm) && stormCount > passed) {
    say(
      [STORM_COUNT, LIMIT_COUNT, ['storm'], ['restartLimit']],
      `cannot ever be a storm: ${stormCount} restarts in ${formatDuration(storm.windowMs)} are needed, the restart limit lets only ${passed} through; lower storm.count or raise restartLimit.count`,
    );
  } else if ((wroteLimit || wroteStorm) && stormCount <= limit && storm.windowMs >= restartLimit.windowMs) {
    say(
      [LIMIT_COUNT, STORM_COUNT, ['storm'], ['restartLimit']],
      `cannot ever hold a restart back: the storm (${stormCount} in ${formatDuration(storm.windowMs)}) opens the breaker before there are more than ${limit} restarts in ${formatDuration(restartLimit.windowMs)}`,
    );
  }
  if ((wroteStorm || wrote(THRESHOLD)) && stormComesFirst(pool, stormCount)) {
    say(
      [THRESHOLD, STORM_COUNT, ['storm']],
      `cannot open the breaker of an engine that fails at once: ${stormCount} restarts in ${formatDuration(storm.windowMs)} are a storm before its failure number ${breaker.failureThreshold}`,
    );
  }
  return findings;
}

/**
 * An upper bound of the restarts of a pool in any `windowMs`. Between two successes an engine gets one restart fewer than it takes failures
 * to open its breaker; a success takes `successAfter`; and no restart comes sooner than the shortest back-off.
 */
function mostRestarts(pool: PoolSpec, windowMs: number): number {
  const { breaker, backoff, replicas } = pool;
  const perRow = breaker.failureThreshold - 1 + Object.values(breaker.classes).reduce((sum, one) => sum + one.failureThreshold - 1, 0);
  const rows = breaker.successAfterMs > 0 ? 1 + Math.floor(windowMs / breaker.successAfterMs) : Number.POSITIVE_INFINITY;
  const multiplier = Math.min(1, ...Object.values(backoff.classes));
  const shortestMs = Math.max(backoff.minDelayMs, Math.min(backoff.limitMs, backoff.delayMs * multiplier * (1 - backoff.jitter)));
  const byDelay = shortestMs > 0 ? 1 + Math.floor(windowMs / shortestMs) : Number.POSITIVE_INFINITY;
  return replicas * Math.min(perRow === 0 ? 0 : perRow * rows, byDelay);
}

/** Whether one engine that fails at once, at the longest delays, makes a storm before it has failed often enough for its own breaker. */
function stormComesFirst(pool: PoolSpec, stormCount: number): boolean {
  const { backoff, breaker, storm } = pool;
  const restartsMs: number[] = [];
  let atMs = 0;
  for (let failures = 1; failures < Math.min(breaker.failureThreshold, MOST_STEPS); failures += 1) {
    atMs += backoffDelayMs(backoff, { failures, crashClass: 'error', random: 1 });
    restartsMs.push(atMs);
    const first = restartsMs[restartsMs.length - stormCount];
    if (first !== undefined && atMs - first < storm.windowMs) return true;
  }
  return false;
}

const MOST_STEPS = 10_000;

function lengthFindings({ backoff, breaker }: PoolSpec): Finding[] {
  const findings: Finding[] = [];
  const over = (path: Path, longMs: number, limitName: string, limitMs: number): void => {
    if (longMs > limitMs)
      findings.push(warning(path, `cannot be ${formatDuration(longMs)}: ${limitName} is ${formatDuration(limitMs)} and wins`));
  };
  over(['backoff', 'delay'], backoff.delayMs, 'backoff.limit', backoff.limitMs);
  over(['backoff', 'minDelay'], backoff.minDelayMs, 'backoff.limit', backoff.limitMs);
  over(['breaker', 'openFor'], breaker.openForMs, 'breaker.openForMax', breaker.openForMaxMs);
  return findings;
}

/** Classes that say what poold itself did or lacked: a line of a log cannot make a crash one of them, or it would count for nothing. */
const NOT_BY_PATTERN = new Set(['requested', 'unhealthy', 'start_timeout', 'clean', 'starved']);

function patternFindings(pool: PoolSpec): Finding[] {
  return pool.crashPatterns.flatMap((entry, index) => {
    if (!NOT_BY_PATTERN.has(entry.class)) return [];
    return [failure(['crashPatterns', index, 'class'], `cannot be ${entry.class}: that class is poold's own, and no log line gives it`)];
  });
}

function classFindings(pool: PoolSpec, wrote: Wrote): Finding[] {
  const known = new Set<string>([...OWN_CLASSES, ...pool.crashPatterns.map((entry) => entry.class)]);
  const named = [
    ...Object.keys(pool.backoff.classes).map((name) => ['backoff', 'classes', name] as const),
    ...Object.keys(pool.breaker.classes).map((name) => ['breaker', 'classes', name] as const),
  ];
  return named
    .filter((path) => !known.has(path[2]) && wrote(path))
    .map((path) =>
      warning(
        path,
        `cannot ever act: no crash is of class ${JSON.stringify(path[2])}, as no pattern gives it; ${hint(path[2], [...known])}`,
      ),
    );
}
