/** Routes that change something. All begin an operation, and none answers before it is stored. */
import { z } from 'zod';
import { actorOf, ofEngine, ofPool } from './acting.ts';
import { LIMITS } from './limits.ts';
import { crashClass, OPERATION, reason, replicas, signalName } from './requests.ts';
import type { Route } from './route.ts';
import { route } from './route.ts';
import { RELOAD } from './routes-reload.ts';
import { operation } from './schemas.ts';

const plain = z.strictObject({ reason });
const cutting = z.strictObject({ now: z.boolean().optional().describe('Cut what is under way'), reason });

const deadlineMs = z
  .int()
  .min(0)
  .max(LIMITS.deadlineMs)
  .optional()
  .describe("How long those who hold a lease have; unset: the pool's `drain.deadline`");
const draining = z.strictObject({
  deadlineMs,
  extend: z.boolean().optional().describe('A later deadline may take the place of an earlier one'),
  reason,
});

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
  ofPool('drain', 'Take no more work, wait for the leases to end, then stop; at the deadline cut', draining, (body) => ({
    do: 'drain',
    replica: null,
    deadlineMs: body.deadlineMs ?? null,
    extend: body.extend ?? false,
  })),
  ofPool('pause', 'Take no more work; the engines stay', plain, () => ({ do: 'pause', replica: null })),
  ofPool('resume', 'Take work again: ends a pause, calls off a drain, starts what was drained', plain, () => ({
    do: 'resume',
    replica: null,
  })),
  RELOAD,
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
  ofEngine(
    'drain',
    'Give no more leases on this engine, wait for those it has, then stop it; at the deadline cut',
    draining,
    (replica, body) => ({
      do: 'drain',
      replica,
      deadlineMs: body.deadlineMs ?? null,
      extend: body.extend ?? false,
    }),
  ),
  ofEngine('pause', 'Give no more leases on this engine; it stays', plain, (replica) => ({ do: 'pause', replica })),
  ofEngine('resume', 'Give leases on this engine again; starts it when it was drained', plain, (replica) => ({ do: 'resume', replica })),
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
