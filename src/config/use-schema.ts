/** The schema of how a pool is used and replaced: leases, queue, drain, reload. */
import { z } from 'zod';
import { duration, int, key, needs, oneOf } from './scalars.ts';

/** Milliseconds; a shorter lease would end before its holder could renew it. contract.md, "HTTP": `ttlMs` from 100 to ttlMax. */
const LEAST_TTL_MS = 100;

export const leasesSchema = z.strictObject(
  {
    ttl: key(duration(LEAST_TTL_MS), 'How long a lease lasts without a renewal, where its holder says nothing. Default: 30s.'),
    ttlMax: key(duration(LEAST_TTL_MS), 'Longest ttl that a holder may ask for. Default: 1h.'),
    maxHold: key(duration(), 'How long a lease may be held, renewals included; 0s: as long as it is renewed. Default: 0s.'),
  },
  needs('a map with ttl, ttlMax, maxHold'),
);

export const queueSchema = z.strictObject(
  {
    limit: key(int(0, 100_000), 'Most tickets that wait at a time; 0: nobody waits. Default: 1000.'),
    timeout: key(duration(1), 'How long a ticket waits, where its holder says nothing. Default: 2m.'),
    claim: key(duration(1), 'A ticket nobody asks about, or a promotion nobody claims for so long, is gone. Default: 10s.'),
    aging: key(duration(), 'Each time it has waited for so long, a ticket rises by one priority; 0s: never. Default: 30s.'),
  },
  needs('a map with limit, timeout, claim, aging'),
);

export const drainSchema = z.strictObject(
  { deadline: key(duration(), 'How long a drain waits for leases to end; 0s: not at all. Default: 30s (LLM kinds 10m).') },
  needs('a map with deadline'),
);

export const reloadSchema = z.strictObject(
  {
    strategy: key(
      oneOf(['auto', 'recreate', 'rolling', 'blue-green']),
      'How engines are replaced; auto: blue-green with port: auto and without devices, else rolling. Default: auto.',
    ),
    maxSurge: key(int(0, 1_000), 'Rolling: most engines beside the replicas; 0 with a fixed port or devices. Default: 1.'),
    maxUnavailable: key(
      int(0, 1_000),
      'Rolling: most replicas that are missing at a time; at least 1 with a fixed port or devices. Default: 0.',
    ),
    soak: key(duration(), 'How long a new engine has to stay ready before it counts. Default: 5s.'),
  },
  needs('a map with strategy, maxSurge, maxUnavailable, soak'),
);
