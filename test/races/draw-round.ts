/** What happens in a round: all of it drawn from its seed, within 2 ms of one instant. */
import type { LeaseBind } from '../../src/lease/lease.ts';
import type { PoolCommand } from '../../src/pool/host.ts';
import type { SpecChange } from '../pool/pool-spec.ts';
import type { Stream } from '../sim/dice.ts';
import { chance, Dice, pick, whole } from '../sim/dice.ts';

/** Milliseconds before or after the instant. */
type Offset = number;

/** Holds a lease when the instant comes. Within it the TTL is over, or the holder renews or gives back; or none of it. */
export interface HolderPlan {
  readonly expires: Offset | null;
  readonly acts: 'release' | 'renew' | null;
  readonly at: Offset;
}

/**
 * `refuse`: grant or refusal. `held`: waits by its request. `ticket`: asks about its ticket until it knows. `rests`: the same, with a rest between two
 * questions in which nobody is there to claim what it is promoted to. `forgets`: never asks about it.
 * `bound`: reads the lines of a lease that is bound to its connection.
 */
export type CallerKind = 'refuse' | 'held' | 'ticket' | 'rests' | 'forgets' | 'bound';

export interface CallerPlan {
  readonly kind: CallerKind;
  readonly at: Offset;
  readonly timeoutMs: number;
  readonly priority: number;
  /** Hangs up then, if it has not given back what it was granted. */
  readonly leaves: Offset | null;
  /** Null: it is never given back, and ends by its TTL. */
  readonly holdsMs: number | null;
  readonly ttlMs: number;
  /** How long a question about its ticket waits; of `rests` the time between two. */
  readonly pollMs: number;
}

export type Harm = { readonly do: 'crash'; readonly replica: number } | PoolCommand;

export interface RoundPlan {
  readonly spec: SpecChange;
  readonly replicas: number;
  readonly slots: number;
  readonly ignoresTerm: boolean;
  readonly holders: readonly HolderPlan[];
  readonly callers: readonly CallerPlan[];
  readonly harms: readonly { readonly at: Offset; readonly harm: Harm }[];
}

/** How long a promotion waits to be claimed. */
const CLAIM_MS = 30;
/** The first moment of it. */
const FROM: Offset = -2;
/** When holders have got their leases and early callers have asked. */
export const HELD_FROM: Offset = -150;
const ASKED_FROM: Offset = -100;

/** `given`: a pool that is there already. */
export function drawnRound(seed: number, given: { readonly replicas: number; readonly slots: number } | null = null): RoundPlan {
  const draw = new Dice({ seed, only: null }).stream('round');
  const { replicas, slots } = given ?? { replicas: whole(draw, 1, 3), slots: whole(draw, 1, 2) };
  const early = whole(draw, 0, 3);
  const late = whole(draw, 1, 3);
  return {
    spec: specDrawn(draw, replicas, slots),
    replicas,
    slots,
    ignoresTerm: chance(draw, 0.2),
    holders: Array.from({ length: whole(draw, early > 0 ? 1 : 0, replicas * slots) }, () => holder(draw)),
    callers: [
      ...Array.from({ length: early }, () => caller(draw, ASKED_FROM)),
      ...Array.from({ length: late }, () => caller(draw, offset(draw))),
    ],
    harms: harms(draw, replicas),
  };
}

function specDrawn(draw: Stream, replicas: number, slots: number): SpecChange {
  return {
    replicas,
    slots,
    restart: 'always',
    readyAfterMs: pick(draw, [0, 1, 3, 50]),
    backoff: { delayMs: pick(draw, [0, 1, 3, 50]), limitMs: 50 },
    breaker: { failureThreshold: pick(draw, [1, 5, 5]), openForMs: pick(draw, [3, 100]), openForMaxMs: 100 },
    stop: { timeoutMs: pick(draw, [1, 20]), command: null },
    queue: { limit: pick(draw, [2, 1_000, 1_000]), timeoutMs: 400, claimMs: CLAIM_MS, agingMs: pick(draw, [0, 1, 30_000]) },
    drain: { deadlineMs: pick(draw, [1, 2, 3, 100, 10_000]) },
  };
}

function holder(draw: Stream): HolderPlan {
  const expires = chance(draw, 0.6) ? offset(draw) : null;
  return { expires, acts: pick(draw, ['release', 'renew', null, null]), at: offset(draw) };
}

function caller(draw: Stream, at: Offset): CallerPlan {
  const kind = pick(
    draw,
    at < FROM ? ['held', 'ticket', 'rests', 'forgets', 'bound'] : ['refuse', 'held', 'ticket', 'rests', 'forgets', 'bound'],
  );
  const soon = chance(draw, 0.4);
  return {
    kind,
    at,
    timeoutMs: soon ? Math.max(1, offset(draw) - at) : whole(draw, 1, 300),
    priority: pick(draw, [5, 5, 0, 9]),
    leaves: chance(draw, 0.25) ? Math.max(at, offset(draw)) : null,
    holdsMs: pick(draw, [0, 1, 2, 50, null]),
    ttlMs: pick(draw, [100, 101, 150]),
    pollMs: kind === 'rests' ? CLAIM_MS + offset(draw) : pollMs(draw, at < FROM ? 'early' : soon ? 'soon' : 'late'),
  };
}

/** So that a question about a ticket ends within the instant, and is not asked a hundred times before it. */
function pollMs(draw: Stream, when: 'early' | 'soon' | 'late'): number {
  if (when === 'early') return pick(draw, [-2, -1, 0, 1, 2, 160]) - ASKED_FROM;
  return when === 'soon' ? pick(draw, [1, 2, 260]) : pick(draw, [20, 260]);
}

function harms(draw: Stream, replicas: number): RoundPlan['harms'] {
  const replica = (): number => whole(draw, 0, replicas - 1);
  const some: { at: Offset; harm: Harm }[] = [];
  if (chance(draw, 0.5)) some.push({ at: offset(draw), harm: unload(draw, replicas) });
  if (chance(draw, 0.5)) {
    const deadlineMs = pick(draw, [null, 0, 1, 2, 3, 200]);
    some.push({ at: offset(draw), harm: { do: 'drain', replica: chance(draw, 0.7) ? null : replica(), deadlineMs, extend: false } });
  }
  while (chance(draw, 0.5)) some.push({ at: offset(draw), harm: { do: 'crash', replica: replica() } });
  // So that what was refused at the instant may be granted soon behind it.
  if (chance(draw, 0.4)) some.push({ at: whole(draw, -1, 6), harm: { do: 'resume', replica: null } });
  if (chance(draw, 0.2)) some.push({ at: whole(draw, -1, 6), harm: { do: 'start', replica: null } });
  return some;
}

function unload(draw: Stream, replicas: number): Harm {
  if (chance(draw, 0.5)) return { do: 'scale', replicas: whole(draw, 0, replicas - 1) };
  return { do: 'stop', replica: chance(draw, 0.7) ? null : whole(draw, 0, replicas - 1), now: chance(draw, 0.3) };
}

function offset(draw: Stream): Offset {
  return whole(draw, -2, 2);
}

export const BIND: Record<CallerKind, LeaseBind> = {
  refuse: 'ttl',
  held: 'ttl',
  ticket: 'ttl',
  rests: 'ttl',
  forgets: 'ttl',
  bound: 'connection',
};
