/** A request that its route answers well, whoever may send it. */
import type { Route } from '../../src/api/route.ts';
import type { Asked, Served } from './served.ts';

const BODIES: Readonly<Record<string, unknown>> = {
  scalePool: { replicas: 1 },
  signalEngine: { signal: 'SIGHUP' },
  shutdown: { engines: 'keep' },
};

export async function goodRequest(at: Served, route: Route): Promise<Asked> {
  const { id, token } = await holding(at, route);
  const path = route.path.replace('{pool}', 'chat').replace('{replica}', '0').replace('{id}', id);
  const query = route.id === 'followEvents' ? '?follow=false' : '';
  const known = BODIES[route.id] ?? (route.path.startsWith('/v1/leases/{id}/') && route.id !== 'revokeLease' ? { token } : {});
  return {
    method: route.method,
    path: path + query,
    headers: route.id === 'releaseLease' ? { 'poold-lease-token': token } : {},
    ...(route.body === null ? {} : { body: known }),
  };
}

/** The id of what the path speaks of, made for this request. */
async function holding(at: Served, { path }: Route): Promise<{ readonly id: string; readonly token: string }> {
  const { leases } = at.host;
  if (path.startsWith('/v1/leases/')) return leases.grant('chat');
  if (path.startsWith('/v1/tickets/')) return { id: leases.enqueue('chat').id, token: '' };
  return { id: (await at.host.act('chat', { do: 'start', replica: null }, { by: 'test', claimed: false, reason: null })).id, token: '' };
}

/** Whatever a request can have changed. */
export function happened({ host }: Served): readonly unknown[] {
  const { acted, planned, leases, shutdowns } = host;
  const { asked, callers, held, tickets } = leases;
  return [acted.length, planned.length, shutdowns.length, asked.length, callers.length, held.size, tickets.size];
}
