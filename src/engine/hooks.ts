/** The commands that a pool has beside its engine's: run with the engine's own environment and user, bounded in time and output. */
import type { CommandSpec, PoolSpec } from '../config/spec.ts';
import type { Living } from '../pool/room.ts';
import { expandAll } from './environment.ts';
import { runCommand } from './exec.ts';
import type { EngineRef } from './identity.ts';
import type { PlanHost } from './plan.ts';
import { planEngine } from './plan.ts';
import { outcome } from './preflight.ts';

/** What of a hook's output goes into a record. */
const OUTPUT_BYTES = 16_384;

export interface Hook {
  readonly spec: PoolSpec;
  readonly ref: EngineRef;
  readonly instance: string;
  readonly hook: CommandSpec;
}

/** What it printed; where it failed, that too. Never throws for what the command does. */
export async function runHook(host: PlanHost, { spec, ref, instance, hook }: Hook): Promise<string> {
  const plan = await planEngine(host, { spec, ref, side: 'a', instance, port: null, device: spec.engine.devices?.[ref.replica] ?? null });
  if (plan.is === 'failed') return plan.message;
  const { env, cwd, user, values } = plan;
  const order = { argv: expandAll(hook.command, values), env, cwd, user, timeoutMs: hook.timeoutMs, outputBytes: OUTPUT_BYTES };
  const result = await runCommand(host.clock, order);
  return result.code === 0 ? result.output : `${outcome(result, hook.timeoutMs)}`;
}

/** Runs `stop.command` with POOLD_PID beside the engine's environment; null when it went well, else how it failed. */
export async function stopCommand(
  host: PlanHost,
  living: Living,
  order: { readonly instance: string; readonly command: readonly string[] },
): Promise<string | null> {
  const { spec } = living;
  const plan = await planEngine(host, { ...living, instance: order.instance });
  if (plan.is === 'failed') return plan.message;
  const { cwd, user, values } = plan;
  const env = { ...plan.env, POOLD_PID: String(living.identity.pid) };
  const { timeoutMs } = spec.stop;
  const result = await runCommand(host.clock, {
    argv: expandAll(order.command, values),
    env,
    cwd,
    user,
    timeoutMs,
    outputBytes: OUTPUT_BYTES,
  });
  return result.code === 0 ? null : outcome(result, timeoutMs);
}
