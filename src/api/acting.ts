/** What all routes that begin an operation have in common. */
import { z } from 'zod';
import type { Code } from '../errors.ts';
import type { Actor, Host, PoolCommand } from '../pool/host.ts';
import type { Operation } from '../pool/status.ts';
import { ENGINE, POOL, wait } from './requests.ts';
import type { Answer, Caller, Reply, Route } from './route.ts';
import { route } from './route.ts';
import { operation } from './schemas.ts';

export const WAIT = z.strictObject({ wait });

export const ANSWERS: readonly Answer[] = [
  { status: 200, says: 'With `wait`: it has ended, well or not', schema: operation },
  { status: 202, says: 'It has begun', schema: operation },
];
export const REFUSALS: readonly Code[] = [
  'pool_not_found',
  'conflict',
  'breaker_open',
  'leases_held',
  'pool_draining',
  'pool_stopped',
  'shutting_down',
  'storage_full',
];

/** `reason` and who asks, as the operation keeps them. */
export function actorOf({ by, claimed }: Caller, why: string | undefined): Actor {
  return { by, claimed, reason: why === undefined || why === '' ? null : why };
}

/** A command to the whole pool. */
export function ofPool<B extends z.ZodObject>(verb: string, says: string, body: B, command: (body: z.output<B>) => PoolCommand): Route {
  return route({
    id: `${verb}Pool`,
    method: 'POST',
    path: `/v1/pools/{pool}/${verb}`,
    access: 'operate',
    says,
    params: POOL,
    query: WAIT,
    body,
    answers: ANSWERS,
    refusals: REFUSALS,
    handle: async ({ host }, call) => {
      const actor = actorOf(call.caller, reasonIn(call.body));
      return answered(host, await host.act(call.params.pool, command(call.body), actor), call.query.wait);
    },
  });
}

/** A command to one engine of it. */
export function ofEngine<B extends z.ZodObject>(
  verb: string,
  says: string,
  body: B,
  command: (replica: number, body: z.output<B>) => PoolCommand,
): Route {
  return route({
    id: `${verb}Engine`,
    method: 'POST',
    path: `/v1/pools/{pool}/engines/{replica}/${verb}`,
    access: 'operate',
    says,
    params: ENGINE,
    query: WAIT,
    body,
    answers: ANSWERS,
    refusals: [...REFUSALS, 'engine_not_found'],
    handle: async ({ host }, call) => {
      const actor = actorOf(call.caller, reasonIn(call.body));
      return answered(host, await host.act(call.params.pool, command(call.params.replica, call.body), actor), call.query.wait);
    },
  });
}

/** The operation as it stands, or with `waitMs` once it has ended. */
export async function answered(host: Host, begun: Operation, waitMs: number | undefined): Promise<Reply> {
  const now = waitMs === undefined ? begun : await host.operationEnded(begun.id, waitMs);
  const status = waitMs !== undefined && now.endedAt !== null ? 200 : 202;
  return { status, body: now, headers: { location: `/v1/operations/${now.id}` } };
}

function reasonIn(body: Readonly<Record<string, unknown>>): string | undefined {
  return typeof body.reason === 'string' ? body.reason : undefined;
}
