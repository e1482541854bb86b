/** What is counted over a run. */
import type { Violation } from './history.ts';
import type { Death } from './schedule.ts';

export interface Figures {
  kills: number;
  readonly by: Record<Death['by'], number>;
  /** Those that did not come by their failpoint. */
  missed: number;
  /** How often each failpoint was the death of a daemon. */
  readonly points: Map<string, number>;
  /** How often each thing was done to engines, and the starts that came of all of them. */
  readonly moves: Map<string, number>;
  starts: number;
  answered: number;
  unanswered: number;
  seconds: number;
  readonly adoptedMs: number[];
  readonly violations: Found[];
}

export interface Found extends Violation {
  readonly kill: number;
  readonly death: string;
}

export function noFigures(): Figures {
  return {
    kills: 0,
    by: { moment: 0, start: 0, failpoint: 0 },
    missed: 0,
    points: new Map(),
    moves: new Map(),
    starts: 0,
    answered: 0,
    unanswered: 0,
    seconds: 0,
    adoptedMs: [],
    violations: [],
  };
}
