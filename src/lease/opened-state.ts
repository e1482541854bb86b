/** What becomes of leases over a start of the daemon: product.md, "After downtime of the daemon". */
import { livePhase } from '../engine/engine-state.ts';
import type { Turn } from '../pool/turn.ts';
import { allEngines, generationIn } from '../pool/turn.ts';
import { expiryOf } from './lease-state.ts';
import { leaseEnded, maxHoldOf, seatChanged, seatOf } from './seats-state.ts';

/**
 * Nobody could renew while no daemon was there: each lease of an engine that lives has one whole TTL from now, one that was bound to a connection
 * too. A promotion that nobody had claimed is lost: its ticket is gone.
 */
export function opened(turn: Turn): void {
  const { nowMs } = turn.env;
  turn.state = { ...turn.state, open: true };
  for (const about of allEngines(turn.state)) {
    for (const lease of about.seats) {
      const engine = generationIn(turn.state, about);
      if (lease === null || engine === undefined || livePhase(engine) === null) continue;
      const held = { lease, seat: seatOf(engine, lease) };
      if (lease.claimByMs !== null) leaseEnded(turn, held, 'lost', 'promoted, and not claimed before the daemon ended');
      else
        seatChanged(turn, held, {
          bind: 'ttl',
          expiresMs: expiryOf({ ...lease, bind: 'ttl' }, maxHoldOf(turn.state), nowMs),
          spared: false,
        });
    }
  }
}
