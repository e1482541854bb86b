/** One sentence on how a generation ended, with its numbers. Pure. */

import { formatDuration } from '../config/quantity.ts';
import type { Exit, Run } from '../engine/engine-state.ts';
import type { Evidence } from './pool-events.ts';

const LINE_MAX = 300;

export interface End {
  readonly run: Run;
  readonly exit: Exit;
  readonly klass: string;
  readonly evidence: Evidence;
}

export function describeEnd(end: End): string {
  const { evidence } = end;
  const line = evidence.matchedLine ?? (end.klass === 'error' ? lastLine(evidence) : null);
  return line === null ? how(end) : `${how(end)}: ${line.slice(0, LINE_MAX)}`;
}

function how(end: End): string {
  const was = end.run.firstReadyMs === null ? ' before it was ready' : '';
  const code = codeOf(end.exit);
  switch (end.klass) {
    case 'requested':
      return `stopped as asked (${code})`;
    case 'unhealthy':
      return `killed because ${end.run.samples.stalled ? 'it stalled' : 'its liveness probe failed'}: ${end.run.samples.message ?? 'no answer'}`;
    case 'start_timeout':
      return `not ready in time${end.run.samples.message === null ? '' : `: ${end.run.samples.message}`}`;
    case 'oom':
      return `killed for want of memory${was} (${code})`;
    case 'clean':
      return 'ended by itself with exit code 0';
    case 'unknown':
      return `ended${was}, and nobody saw its exit code`;
    default:
      return `ended with ${code}${was}`;
  }
}

function codeOf(exit: Exit): string {
  if (exit.signal !== null) return exit.signal;
  return exit.code === null ? 'no exit code seen' : `exit code ${exit.code}`;
}

function lastLine(evidence: Evidence): string | null {
  return evidence.lastLines.findLast((line) => line.trim() !== '')?.trim() ?? null;
}

/** A span as a message says it, no finer than a person reads: `250ms`, `3.2s`, `48s`, `4m59s`, `1h2m`. */
export function span(spanMs: number): string {
  if (spanMs < 10_000) return formatDuration(spanMs < 1_000 ? spanMs : Math.round(spanMs / 100) * 100);
  const seconds = Math.round(spanMs / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const [hours, minutes, rest] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (hours === 0) return rest === 0 ? `${minutes}m` : `${minutes}m${rest}s`;
  return minutes === 0 ? `${hours}h` : `${hours}h${minutes}m`;
}
