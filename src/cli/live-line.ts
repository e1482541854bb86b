/** The one line that a terminal shows while something goes on: pure text, never wider than it may be. */
import { counted } from '../config/counted.ts';
import type { EstimateBasis } from '../lease/lease.ts';
import type { Operation } from '../pool/status.ts';
import { harmless } from './harmless.ts';
import { span } from './times.ts';
import { fitting, widthOf } from './width.ts';

export interface Sight {
  /** Since we began to look. */
  readonly passedMs: number;
  readonly wallMs: number;
  /** When the deadline that holds now was first seen, on the wall clock: where the bar begins. */
  readonly deadlineSinceMs: number;
  /** The last that the candidate wrote, or null. */
  readonly logLine: string | null;
  readonly columns: number;
}

const BAR_CHARS = { most: 20, beside: 10, least: 6 } as const;
/** Less of a log line tells nobody anything. */
const LOG_CHARS = 12;

/** `drain chat: 3 leases left [#####-----] 12s to the deadline`, and of a reload the candidate with what it wrote last. */
export function liveLine(operation: Pick<Operation, 'kind' | 'pool' | 'progress'>, sight: Sight): string {
  const { kind, pool, progress } = operation;
  const { columns, logLine } = sight;
  const leases = progress.leasesLeft === 0 ? null : `${counted(progress.leasesLeft, 'lease')} left`;
  const leftMs = progress.deadlineAt === null ? null : Date.parse(progress.deadlineAt) - sight.wallMs;
  const candidate = progress.candidate === null ? '' : `, ${harmless(progress.candidate)}`;
  const head = `${kind} ${pool}:${leases === null ? '' : ` ${leases}`}`;
  const time = leftMs === null ? span(sight.passedMs) : timeText(leftMs, columns - widthOf(`${head},  ${candidate}`));
  // What has to be there is taken off first, then what is said of the candidate; the bar gets what is left.
  const leftChars = columns - widthOf(`${head} ${time}${candidate}`);
  const logChars = candidate !== '' && logLine !== null ? LOG_CHARS + 2 : 0;
  const bar =
    leftMs === null ? '' : barText(sight, leftMs, Math.min(candidate === '' ? BAR_CHARS.most : BAR_CHARS.beside, leftChars - logChars - 3));
  const begun = `${head}${bar === '' && leases !== null ? ',' : bar} ${time}${candidate}`;
  const room = columns - widthOf(begun) - 2;
  const log = logLine === null || candidate === '' || room < LOG_CHARS ? '' : `: ${fitting(harmless(logLine.trimEnd()), room)}`;
  return fitting(begun + log, columns);
}

/** Of a sentence that is cut off only the number is left: where there is little room, fewer words. */
function timeText(leftMs: number, room: number): string {
  if (leftMs <= 0) return 'at the deadline';
  const whole = `${span(leftMs)} to the deadline`;
  return widthOf(whole) <= room ? whole : `${span(leftMs)} to go`;
}

/** How much of the time to the deadline is over. */
function barText({ wallMs, deadlineSinceMs }: Sight, leftMs: number, chars: number): string {
  if (chars < BAR_CHARS.least) return '';
  const passedMs = Math.max(0, wallMs - deadlineSinceMs);
  const share = leftMs <= 0 ? 1 : passedMs / (passedMs + leftMs);
  const full = Math.floor(share * chars);
  return ` [${'#'.repeat(full)}${'-'.repeat(chars - full)}]`;
}

export interface Place {
  readonly draining: boolean;
  readonly queuePosition: number;
  readonly estimatedWaitMs: number | null;
  readonly estimatedWaitP90Ms: number | null;
  readonly estimateBasis: EstimateBasis | null;
}

/** `waiting for chat: number 3 in the queue, 4s–12s by how long leases were held`; in less room fewer words. */
export function queueLine(pool: string, place: Place, columns = Number.POSITIVE_INFINITY): string {
  const of = place.draining ? ', which is draining' : '';
  const number = `number ${place.queuePosition}`;
  const texts = [estimateText(place), estimateText({ ...place, estimateBasis: null })].map((one) => (one === null ? '' : `, ${one}`));
  const [whole, range] = [texts[0] ?? '', texts[1] ?? ''];
  const long = `waiting for ${pool}${of}: ${number} in the queue`;
  const short = `${pool}: ${number}${range}`;
  return [long + whole, long + range, `waiting for ${short}`].find((line) => widthOf(line) <= columns) ?? short;
}

const BASES: Readonly<Record<EstimateBasis, string>> = {
  history: 'by how long leases were held',
  ttl: 'by their TTL',
  coldStart: 'by how long an engine takes to start',
};

/** Median and 90th percentile, `4s–12s by how long leases were held`; null where nothing is known. */
export function estimateText({ estimatedWaitMs, estimatedWaitP90Ms, estimateBasis }: Place): string | null {
  if (estimatedWaitMs === null) return null;
  const [p50, p90] = [span(estimatedWaitMs), estimatedWaitP90Ms === null ? null : span(estimatedWaitP90Ms)];
  const range = p90 === null || p90 === p50 ? p50 : `${p50}–${p90}`;
  return estimateBasis === null ? range : `${range} ${BASES[estimateBasis]}`;
}
