/** What goes over the wire, once: checked against the types of the domain by the compiler, shown to the world by OpenAPI. */
import { z } from 'zod';
import { EVENT_TYPES } from '../events/event.ts';
import { ENGINE_STATES, OPERATION_KINDS, POOL_STATES } from '../pool/status.ts';
import { problemSchema } from './problem.ts';
import { code, stamp } from './schema-parts.ts';
import { boundLine, granted, lease, queued, released, renewed, ticket, waiter } from './schemas-leases.ts';

const breakerName = z.enum(['closed', 'open', 'half_open']);

const lastExit = z.strictObject({
  class: z.string().describe('Crash class'),
  code: z.int().nullable(),
  signal: z.string().nullable(),
  at: stamp,
  uptimeMs: z.number(),
  readyMs: z.number().nullable(),
  message: z.string(),
});

const classBreaker = z.strictObject({ state: breakerName, failures: z.int(), openUntil: stamp.nullable() });

const breaker = z.strictObject({
  state: breakerName,
  failures: z.int(),
  openUntil: stamp.nullable(),
  classes: z.record(z.string(), classBreaker),
});

const engine = z.strictObject({
  id: z.string().describe('`<pool>/<replica>`; `<pool>/external:<name>` for an engine of somebody else'),
  generation: z.int(),
  role: z.enum(['serving', 'candidate', 'retiring']),
  state: z.enum(ENGINE_STATES),
  reason: z.string().nullable(),
  message: z.string().nullable(),
  live: z.boolean(),
  ready: z.boolean(),
  pid: z.int().nullable(),
  url: z.string().nullable(),
  version: z.string().nullable(),
  device: z.string().nullable(),
  activeLeases: z.int(),
  inUse: z.number().nullable(),
  failures: z.int(),
  breaker: breakerName,
  startedAt: stamp.nullable(),
  readyAt: stamp.nullable(),
  nextStartAt: stamp.nullable(),
  lastExit: lastExit.nullable(),
  outdated: z.boolean().describe('Runs by an older spec than the file has; its next start uses the new one'),
});

const overridden = z.union([z.number(), z.string()]).nullable();
const override = z.strictObject({
  key: z.union([
    z.enum(['replicas', 'wanted', 'paused', 'engine.version']),
    z.templateLiteral(['engines.', z.int()]),
    z.templateLiteral(['engine.vars.', z.string()]),
  ]),
  value: overridden,
  fileValue: overridden,
  by: z.string(),
  at: stamp,
  reason: z.string().nullable(),
});

export const poolStatus = z.strictObject({
  pool: z.string(),
  state: z.enum(POOL_STATES),
  reason: z.string().nullable(),
  message: z.string().nullable(),
  live: z.boolean(),
  ready: z.boolean(),
  draining: z.boolean(),
  orphaned: z.boolean().describe('The configuration no longer has it'),
  activeLeases: z.int(),
  slotsTotal: z.int(),
  slotsFree: z.int(),
  queueDepth: z.int(),
  oldestLeaseMs: z.int().nullable().describe('Of the lease that is held longest'),
  oldestWaitMs: z.int().nullable().describe('Of the ticket that waits longest'),
  replicas: z.int().describe('Engines the pool has'),
  wanted: z.int().describe('How many of them should run now'),
  engineVersion: z.string().nullable(),
  devices: z.array(z.string()).nullable(),
  restartCount: z.int(),
  crashCount: z.int(),
  breaker,
  overrides: z.array(override),
  containment: z.enum(['cgroup', 'weak']),
  lastError: z.string().nullable(),
  engines: z.array(engine),
});

export const operation = z.strictObject({
  id: z.string(),
  kind: z.enum(OPERATION_KINDS),
  pool: z.string(),
  state: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
  outcome: z.string().nullable(),
  steps: z.array(z.strictObject({ at: stamp, text: z.string() })),
  progress: z.strictObject({
    leasesLeft: z.int(),
    deadlineAt: stamp.nullable(),
    candidate: z.string().nullable().describe('Generation that a reload is trying, `chat/0#5`'),
  }),
  error: z.strictObject({ code, message: z.string() }).nullable(),
  by: z.string(),
  reason: z.string().nullable(),
  startedAt: stamp,
  endedAt: stamp.nullable(),
});

export const reloadPlan = z.strictObject({
  pool: z.string(),
  strategy: z.enum(['recreate', 'rolling', 'blue-green']),
  would: z
    .enum(['reload', 'unchanged', 'recorded', 'revive'])
    .describe('`unchanged`: same spec and same executable; `recorded`: nothing runs, the spec is kept for the next start'),
  changes: z.array(z.string()).describe('What differs, one line each'),
  maxSurge: z.int(),
  maxUnavailable: z.int(),
  notes: z.array(z.string()).describe('What was asked and is done in another way'),
  engines: z.array(z.string()),
  leases: z.array(z.strictObject({ id: z.string(), holder: z.string(), engine: z.string(), heldMs: z.number() })),
  atMostMs: z.number().describe('Every start at its limit, every drain at its deadline'),
});

export const explanation = z.strictObject({ subject: z.string(), rule: z.string(), says: z.string() });

export const historyEntry = z.strictObject({
  ...lastExit.shape,
  pool: z.string(),
  engine: z.string(),
  generation: z.int(),
  startedAt: stamp,
  version: z.string().nullable(),
  failure: z.boolean(),
  matchedLine: z.string().nullable(),
  lastLines: z.array(z.string()),
  onExit: z.string().nullable(),
});

export const event = z
  .looseObject({
    cursor: z.string().describe('`<epoch>:<seq>`'),
    at: stamp,
    type: z.enum(EVENT_TYPES),
    pool: z.string().nullable(),
    engine: z.string().optional(),
    generation: z.int().optional(),
    by: z.string().optional(),
  })
  .describe('The facts of an event stand beside these keys');

export const logRecord = z.strictObject({
  engine: z.string(),
  is: z.enum(['line', 'mark', 'gap']),
  text: z.string().optional().describe('As the engine wrote it, not escaped'),
  at: stamp.nullable().optional(),
  bytes: z.int().optional().describe('How much a slow follower missed'),
});

export const health = z.strictObject({ status: z.literal('ok'), version: z.string() });
export const daemonReady = z.strictObject({ ready: z.literal(true) });
export const poolReady = z.strictObject({ pool: z.string(), ready: z.literal(true), readyEngines: z.int() });
export const shutdownBegun = z.strictObject({ engines: z.enum(['stop', 'keep']) });

/** The named ones of the OpenAPI document. */
export const NAMED = {
  PoolStatus: poolStatus,
  EngineStatus: engine,
  LastExit: lastExit,
  Operation: operation,
  Explanation: explanation,
  HistoryEntry: historyEntry,
  Event: event,
  LogRecord: logRecord,
  ReloadPlan: reloadPlan,
  Lease: lease,
  Granted: granted,
  Queued: queued,
  Renewed: renewed,
  Released: released,
  Ticket: ticket,
  Waiter: waiter,
  BoundLine: boundLine,
  Problem: problemSchema,
} as const;

export type LogRecord = z.infer<typeof logRecord>;

/** A list as every list is: room for more keys beside the items. */
export function listOf<T extends z.ZodType>(item: T): z.ZodObject<{ items: z.ZodArray<T> }> {
  return z.strictObject({ items: z.array(item) });
}
