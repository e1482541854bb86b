/** Routes that change something. All begin an operation, and none answers before it is stored. */
import { z } from 'zod';
import type { Code } from '../errors.ts';
import type { Actor, Host, PoolCommand } from '../pool/host.ts';
import type { Operation } from '../pool/status.ts';
import { crashClass, ENGINE, OPERATION, POOL, reason, replicas, signalName, wait } from './requests.ts';
import type { Answer, Caller, Reply, Route } from './route.ts';
import { route } from './route.ts';
import { operation } from './schemas.ts';

const WAIT = z.strictObject({ wait });
const plain = z.strictObject({ reason });
const cutting = z.strictObject({ now: z.boolean().optional().describe('Cut what is under way'), reason });

const ANSWERS: readonly Answer[] = [
  { status: 200, says: 'With `wait`: it has ended, well or not', schema: operation },
  { status: 202, says: 'It has begun', schema: operation },
];
const REFUSALS: readonly Code[] = ['pool_not_found', 'conflict', 'breaker_open', 'shutting_down', 'storage_full'];

export const ACTING_ROUTES: readonly Route[] = [
  ofPool('start', 'Start the engines that are missing', plain, () => ({ do: 'start', replica: null })),
  ofPool('stop', 'Stop the pool, and keep it stopped until a start', cutting, ({ now }) => ({
    do: 'stop',
    replica: null,
    now: now ?? false,
  })),
  ofPool('restart', 'Stop and start one engine after the other', cutting, ({ now }) => ({
    do: 'restart',
    replica: null,
    now: now ?? false,
  })),
  ofPool('retry', 'One start now, past back-off, limiter and breakers, of the engine that a canary would be', plain, () => ({
    do: 'retry',
    replica: null,
  })),
  ofPool('scale', 'Set how many engines are wanted, over the file', z.strictObject({ replicas, reason }), (body) => ({
    do: 'scale',
    replicas: body.replicas,
  })),
  ofPool(
    'reset',
    'Close the breakers and forget the failures; with `forget` give up what is stuck',
    z.strictObject({ class: crashClass.optional().describe('Only the breaker of this class'), forget: z.boolean().optional(), reason }),
    (body) => ({ do: 'reset', class: body.class ?? null, forget: body.forget ?? false }),
  ),
  ofEngine('start', 'Start this engine', plain, (replica) => ({ do: 'start', replica })),
  ofEngine('stop', 'Stop this engine, and keep it stopped until a start', cutting, (replica, { now }) => ({
    do: 'stop',
    replica,
    now: now ?? false,
  })),
  ofEngine('restart', 'Stop and start this engine', cutting, (replica, { now }) => ({ do: 'restart', replica, now: now ?? false })),
  ofEngine('retry', 'One start of this engine now, past back-off, limiter and breakers', plain, (replica) => ({ do: 'retry', replica })),
  ofEngine('signal', 'Send a signal to the engine', z.strictObject({ signal: signalName, reason }), (replica, { signal }) => ({
    do: 'signal',
    replica,
    signal,
  })),
  route({
    id: 'cancelOperation',
    method: 'DELETE',
    path: '/v1/operations/{id}',
    access: 'operate',
    says: 'Take back what of it has not happened yet',
    params: OPERATION,
    query: z.strictObject({ reason }),
    body: null,
    answers: [{ status: 200, says: 'As it stands after that', schema: operation }],
    refusals: ['operation_not_found', 'conflict', 'storage_full'],
    handle: ({ host }, { params, query, caller }) => ({ status: 200, body: host.cancel(params.id, actorOf(caller, query.reason)) }),
  }),
];

/** `reason` and who asks, as the operation keeps them. */
export function actorOf(caller: Caller, why: string | undefined): Actor {
  return { ...caller, reason: why === undefined || why === '' ? null : why };
}

function ofPool<B extends z.ZodObject>(verb: string, says: string, body: B, command: (body: z.output<B>) => PoolCommand): Route {
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
    handle: ({ host }, call) => {
      const actor = actorOf(call.caller, reasonIn(call.body));
      return answered(host, host.act(call.params.pool, command(call.body), actor), call.query.wait);
    },
  });
}

function ofEngine<B extends z.ZodObject>(
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
    handle: ({ host }, call) => {
      const actor = actorOf(call.caller, reasonIn(call.body));
      return answered(host, host.act(call.params.pool, command(call.params.replica, call.body), actor), call.query.wait);
    },
  });
}

async function answered(host: Host, begun: Operation, waitMs: number | undefined): Promise<Reply> {
  const now = waitMs === undefined ? begun : await host.operationEnded(begun.id, waitMs);
  const status = waitMs !== undefined && now.endedAt !== null ? 200 : 202;
  return { status, body: now, headers: { location: `/v1/operations/${now.id}` } };
}

function reasonIn(body: Readonly<Record<string, unknown>>): string | undefined {
  return typeof body.reason === 'string' ? body.reason : undefined;
}
