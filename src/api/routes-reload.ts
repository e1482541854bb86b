/** Replacing a pool's engines by others, or being told what that would do. */
import { z } from 'zod';
import type { ReloadCommand } from '../pool/host.ts';
import { ANSWERS, actorOf, answered, REFUSALS, WAIT } from './acting.ts';
import { LIMITS } from './limits.ts';
import { POOL, reason } from './requests.ts';
import { allows } from './roles.ts';
import type { Caller } from './route.ts';
import { route } from './route.ts';
import { operation, reloadPlan } from './schemas.ts';

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

const body = z.strictObject({
  version: z
    .string()
    .min(1)
    .max(LIMITS.versionChars)
    .regex(/^\P{Cc}*$/u, 'no control characters')
    .optional()
    .describe('`engine.version`; unset: as it is'),
  vars: z
    .record(
      z.string().regex(NAME, 'a variable name is letters, digits and "_"'),
      z
        .string()
        .max(LIMITS.variableChars)
        .regex(/^[^\0]*$/, 'no NUL: no command can be given one'),
    )
    .refine((vars) => Object.keys(vars).length <= LIMITS.variables, `at most ${LIMITS.variables} variables`)
    .optional()
    .describe('`engine.vars` by name, those not named as they are. The role operate may set what `settable` names, the role admin all'),
  strategy: z.enum(['auto', 'recreate', 'rolling', 'blue-green']).optional().describe("Unset: the pool's `reload.strategy`"),
  deadlineMs: z
    .int()
    .min(0)
    .max(LIMITS.deadlineMs)
    .optional()
    .describe("Of each drain of an old engine; unset: the pool's `drain.deadline`"),
  cutLeases: z.boolean().optional().describe('Cut the leases that are left at a deadline, where the reload would otherwise be called off'),
  same: z.boolean().optional().describe('Replace the engines although nothing has changed'),
  dryRun: z.boolean().optional().describe('Change nothing, and say what would be done'),
  reason,
});

export const RELOAD = route({
  id: 'reloadPool',
  method: 'POST',
  path: '/v1/pools/{pool}/reload',
  access: 'operate',
  says: 'Replace the engines by new ones, the old kept until the new have proved themselves; with `dryRun` the plan of it',
  params: POOL,
  query: WAIT,
  body,
  answers: [
    {
      status: 200,
      says: 'With `wait`: it has ended, well or not; with `dryRun`: what would be done',
      schema: z.union([operation, reloadPlan]),
    },
    ...ANSWERS.filter(({ status }) => status !== 200),
  ],
  refusals: [...REFUSALS, 'invalid_config'],
  handle: async ({ host }, { params, query, body: asked, caller }) => {
    const command = commandOf(asked, caller);
    if (asked.dryRun ?? false) return { status: 200, body: await host.planReload(params.pool, command) };
    return answered(host, await host.act(params.pool, command, actorOf(caller, asked.reason)), query.wait);
  },
});

function commandOf(asked: z.output<typeof body>, { role }: Caller): ReloadCommand {
  return {
    do: 'reload',
    version: asked.version ?? null,
    vars: asked.vars ?? {},
    strategy: asked.strategy ?? null,
    deadlineMs: asked.deadlineMs ?? null,
    cutLeases: asked.cutLeases ?? false,
    same: asked.same ?? false,
    admin: allows(role, 'admin'),
  };
}
