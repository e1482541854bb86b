/** Routes about the daemon itself. */
import { z } from 'zod';
import { PooldError } from '../errors.ts';
import { actorOf } from './acting.ts';
import { notReady } from './refusal.ts';
import { NONE, reason } from './requests.ts';
import type { Route } from './route.ts';
import { route } from './route.ts';
import { daemonReady, health, shutdownBegun } from './schemas.ts';

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** `document` gives the OpenAPI document, which is made of the table that this is a part of. */
export function daemonRoutes(document: (version: string) => unknown): readonly Route[] {
  const text = madeOnce((version) => JSON.stringify(document(version)));
  return [
    route({
      id: 'getHealth',
      method: 'GET',
      path: '/health',
      access: 'open',
      onMetricsDoor: true,
      says: 'The daemon answers',
      params: NONE,
      query: NONE,
      body: null,
      answers: [{ status: 200, says: 'It does', schema: health }],
      handle: ({ host }) => ({ status: 200, body: { status: 'ok', version: host.version } }),
    }),
    route({
      id: 'getReady',
      method: 'GET',
      path: '/ready',
      access: 'open',
      says: '200 once the engines are adopted and, with `pools`, all of these are ready',
      params: NONE,
      query: z.strictObject({
        pools: z
          .string()
          .max(8192)
          .regex(/^[a-z0-9][a-z0-9-]{0,62}(,[a-z0-9][a-z0-9-]{0,62})*$/, 'pool names, separated by commas')
          .optional(),
      }),
      body: null,
      answers: [{ status: 200, says: 'Ready', schema: daemonReady }],
      refusals: ['no_ready_engine', 'pool_not_found', 'pool_stopped', 'pool_failed', 'breaker_open', 'pool_draining', 'pool_paused'],
      handle: ({ host, clock }, { query }) => {
        const names = query.pools?.split(',') ?? [];
        const pools = names.map((name) => host.pool(name));
        const missing = host.notReady(names);
        if (missing === null) return { status: 200, body: { ready: true } };
        const pool = pools.find(({ ready }) => !ready);
        if (pool === undefined) throw new PooldError('no_ready_engine', missing, { reason: 'not_ready' });
        throw notReady(pool, missing, { wallMs: clock.wallMs(), operations: host.operations(pool.pool) });
      },
    }),
    route({
      id: 'getMetrics',
      method: 'GET',
      path: '/metrics',
      access: 'open',
      onMetricsDoor: true,
      says: 'Metrics in the Prometheus text format',
      params: NONE,
      query: NONE,
      body: null,
      answers: [{ status: 200, says: 'The metrics', type: METRICS_TYPE }],
      handle: async ({ metricsText }) => ({ status: 200, type: METRICS_TYPE, text: await metricsText() }),
    }),
    route({
      id: 'getOpenapi',
      method: 'GET',
      path: '/openapi.json',
      access: 'open',
      says: 'This document',
      params: NONE,
      query: NONE,
      body: null,
      answers: [{ status: 200, says: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) }],
      handle: ({ host }) => ({ status: 200, type: 'application/json', text: text(host.version) }),
    }),
    SHUTDOWN,
  ];
}

/** Making the document takes 50 ms, in which nobody else is answered, and anybody may ask for it. */
function madeOnce(make: (version: string) => string): (version: string) => string {
  let made: { readonly version: string; readonly text: string } | null = null;
  return (version) => {
    if (made?.version !== version) made = { version, text: make(version) };
    return made.text;
  };
}

const SHUTDOWN = route({
  id: 'shutdown',
  method: 'POST',
  path: '/v1/shutdown',
  access: 'admin',
  says: 'End the daemon; the engines are stopped or left running for the next one',
  params: NONE,
  query: NONE,
  body: z.strictObject({ engines: z.enum(['stop', 'keep']), reason }),
  answers: [{ status: 202, says: 'It has begun', schema: shutdownBegun }],
  refusals: ['shutting_down'],
  handle: ({ host }, { body, caller }) => {
    host.shutdown(body.engines, actorOf(caller, body.reason));
    return { status: 202, body: { engines: body.engines } };
  },
});
