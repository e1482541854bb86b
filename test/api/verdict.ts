/**
 * What each request has to be answered for who sends it, said a second time: by the row of the table and the contract alone, with nothing of
 * what `src/api` uses to decide it. The first rule that speaks wins; what none of them refuses is let in.
 */
import type { Route } from '../../src/api/route.ts';

export const DOORS = ['api.sock', 'lease.sock', 'tcp', 'metrics'] as const;
export type DoorName = (typeof DOORS)[number];

/** What stands in Authorization: a token of that role, or none that counts. */
export const PROOFS = ['read', 'lease', 'operate', 'admin', 'none', 'unknown', 'expired', 'not a bearer'] as const;
export type Proof = (typeof PROOFS)[number];

/** By header, the doors beside the sockets that go by this name. The first few are sent to every route, all of them to some. */
export const HOSTS: Readonly<Record<string, readonly DoorName[]>> = {
  localhost: ['tcp', 'metrics'],
  'GPU1.internal:443': ['tcp'],
  'evil.example': [],
  'LOCALHOST:9200': ['tcp', 'metrics'],
  '127.0.0.1:1': ['tcp', 'metrics'],
  '[::1]:9200': ['tcp', 'metrics'],
  'gpu1.internal': ['tcp'],
  'localhost.evil.example': [],
  '127.0.0.1.nip.io': [],
  'localhost@evil.example': [],
  'localhost:80:80': [],
  '[::1': [],
  '.': [],
};

/** Likewise. Null: the header is not sent. */
export const ORIGINS = [null, 'http://localhost:9200', 'https://evil.example', 'null', ''] as const;

export interface Sent {
  readonly route: Pick<Route, 'access' | 'path'>;
  readonly door: DoorName;
  readonly proof: Proof;
  readonly host: string;
  readonly origin: string | null;
}

export type Verdict = 'in' | 'forbidden' | 'not_found' | 'unauthorized';

const RANKS: Readonly<Record<string, number>> = { open: 0, read: 1, lease: 2, operate: 3, admin: 4 };
const ON_METRICS = ['/health', '/metrics'];

export function verdictOf({ route, door, proof, host, origin }: Sent): Verdict {
  if (origin !== null) return 'forbidden';
  if ((door === 'tcp' || door === 'metrics') && !HOSTS[host]?.includes(door)) return 'forbidden';
  if (door === 'metrics') return ON_METRICS.includes(route.path) ? 'in' : 'not_found';
  const asked = RANKS[route.access] ?? Number.POSITIVE_INFINITY;
  if (asked === 0) return 'in';
  if (door === 'api.sock') return 'in';
  const has = door === 'lease.sock' ? 2 : (RANKS[proof] ?? 0);
  if (has === 0) return 'unauthorized';
  return has >= asked ? 'in' : 'forbidden';
}
