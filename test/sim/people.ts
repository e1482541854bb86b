/** Persons at poolctl: any command, at any time, through the same refusals as the API's. */
import type { PoolCommand } from '../../src/pool/host.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import type { Stream } from './dice.ts';
import { between, chance, pick, whole } from './dice.ts';

const KINDS = [
  'start',
  'start',
  'start',
  'stop',
  'stop',
  'restart',
  'restart',
  'retry',
  'retry',
  'scale',
  'scale',
  'reset',
  'signal',
  'drain',
  'drain',
  'drain',
  'pause',
  'resume',
  'resume',
  'resume',
  'reload',
  'reload',
  'reload',
  'reload',
] as const;

/** Where engines are well most of what is said is about whoever uses them. */
const KINDS_AMONG_USERS = [
  'drain',
  'drain',
  'drain',
  'drain',
  'resume',
  'resume',
  'resume',
  'pause',
  'reload',
  'reload',
  'reload',
  'reload',
  'reload',
  'reload',
  'restart',
  'stop',
  'start',
  'start',
  'scale',
  'scale',
] as const;

/** Where somebody comes in at a moment that is over soon: all that there is, and most often what is least often said elsewhere. */
const KINDS_MEDDLING = [
  'start',
  'stop',
  'restart',
  'retry',
  'retry',
  'scale',
  'reset',
  'reset',
  'drain',
  'resume',
  'pause',
  'reload',
] as const;

export type Occasion = 'any' | 'amongUsers' | 'meddling';

const SAID = { any: KINDS, amongUsers: KINDS_AMONG_USERS, meddling: KINDS_MEDDLING } as const;

export function randomCommand(draw: Stream, state: PoolState, occasion: Occasion): PoolCommand {
  const replica = chance(draw, 0.5) ? null : whole(draw, 0, Math.max(0, state.replicas.count - 1));
  if (state.drain !== null && chance(draw, 0.4))
    return { do: 'drain', replica: null, deadlineMs: between(draw, 0, 30_000), extend: chance(draw, 0.3) };
  // What nobody takes up again teaches nothing.
  if (state.wanted.state !== 'running' && occasion !== 'meddling' && chance(draw, 0.5))
    return { do: state.wanted.state === 'drained' ? 'resume' : 'start', replica: null };
  const kind = pick<(typeof KINDS)[number]>(draw, SAID[occasion]);
  switch (kind) {
    case 'start':
    case 'retry':
      return { do: kind, replica };
    case 'stop':
    case 'restart':
      return { do: kind, replica, now: chance(draw, 0.5) };
    case 'scale':
      return { do: 'scale', replicas: whole(draw, 0, 4) };
    case 'reset':
      return { do: 'reset', class: chance(draw, 0.2) ? 'gpu' : null, forget: chance(draw, 0.4) };
    case 'signal':
      return { do: 'signal', replica: replica ?? 0, signal: 'SIGUSR1' };
    case 'drain':
      // Short among users: or they would be gone by themselves before it.
      return {
        do: 'drain',
        replica,
        deadlineMs: chance(draw, 0.4) ? null : between(draw, 0, occasion === 'amongUsers' ? 4_000 : 15_000),
        extend: chance(draw, 0.3),
      };
    case 'pause':
    case 'resume':
      return { do: kind, replica };
    case 'reload':
      return {
        do: 'reload',
        version: chance(draw, 0.5) ? `v${whole(draw, 2, 9)}` : null,
        vars: { temper: pick(draw, ['fine', 'fine', 'never', 'later']) },
        strategy: pick(draw, [null, 'rolling', 'rolling', 'recreate', 'blue-green']),
        deadlineMs: chance(draw, 0.5) ? null : between(draw, 0, 8_000),
        cutLeases: chance(draw, 0.4),
        same: chance(draw, 0.2),
        admin: false,
      };
    default:
      return kind satisfies never;
  }
}
