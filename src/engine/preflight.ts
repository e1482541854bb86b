/** What has to be true before a spawn is worth it: user, directory, command, devices, port, and the pool's own preflight command. */

import { deviceHolder } from './device-holder.ts';
import { missingDevices } from './devices.ts';
import type { Executable } from './engine-state.ts';
import { expandAll } from './environment.ts';
import { runCommand } from './exec.ts';
import { fileAt } from './executable.ts';
import type { Plan, PlanHost, PlanOrder, StartProblem } from './plan.ts';
import { executableOf, planEngine, startProblem } from './plan.ts';
import type { Ports } from './ports.ts';
import { portOwner, usesPort } from './ports.ts';

export type Preflown =
  | { readonly is: 'ok'; readonly port: number | null; readonly device: string | null; readonly executable: Executable | null }
  | StartProblem;

const ACCESS_TIMEOUT_MS = 5_000;

/** ORDER: cheap and certain things first; the port last but the command that may ask for it. On failure the replica keeps its port. */
export async function preflight(host: PlanHost & { readonly ports: Ports }, order: Omit<PlanOrder, 'port' | 'device'>): Promise<Preflown> {
  const { ref, spec } = order;
  const device = spec.engine.devices?.[ref.replica] ?? null;
  if (spec.engine.devices !== null && device === null)
    return startProblem(ref, 'prepare_failed', `devices has no entry for replica ${ref.replica}`);
  // Any port will do to find the command; an impossible one is used nowhere.
  const draft = await planEngine(host, { ...order, port: host.ports.of(portOwner({ ...ref, side: order.side })), device });
  if (draft.is === 'failed') return draft;
  const executable = executableOf(ref, draft);
  if (executable.is === 'failed') return executable;
  const denied = await deniedToUser(host, draft, executable.path);
  if (denied !== null) return startProblem(ref, 'spawn_failed', denied);
  if (spec.engine.requireGpu) {
    const missing = await missingDevices(host.clock, device, host.inherited.PATH ?? '');
    if (missing !== null) return startProblem(ref, 'prepare_failed', missing);
  }
  const holder = device === null ? null : await deviceHolder(host.clock, device, host.inherited.PATH ?? '');
  if (holder !== null) return startProblem(ref, 'device_busy', holder);
  const port = await portFor(host, order);
  if (port.is === 'failed') return port;
  const problem = await ownCommand(host, { ...order, port: port.port, device });
  return problem ?? { is: 'ok', port: port.port, device, executable: fileAt(executable.path) };
}

/** What root may execute its `user` may not: only the user can tell. */
async function deniedToUser(host: PlanHost, plan: Plan, path: string): Promise<string | null> {
  const { user, cwd, env } = plan;
  if (user === null || user.uid === process.geteuid?.()) return null;
  for (const [words, what] of [
    [['-x', path], path],
    [['-x', cwd], `workingDirectory ${cwd}`],
  ] as const) {
    const tried = await runCommand(host.clock, { argv: ['/usr/bin/test', ...words], env, cwd: '/', user, timeoutMs: ACCESS_TIMEOUT_MS });
    if (tried.code !== 0) return `${user.name} may not execute or enter ${what}: check its mode and that of the directories above`;
  }
  return null;
}

async function portFor(
  host: { readonly ports: Ports },
  { ref, side, spec }: Pick<PlanOrder, 'ref' | 'side' | 'spec'>,
): Promise<{ readonly is: 'free'; readonly port: number | null } | StartProblem> {
  if (!usesPort(spec)) return { is: 'free', port: null };
  const answer = await host.ports.take({ engine: portOwner({ ...ref, side }), wanted: spec.engine.port, host: spec.engine.host });
  return answer.is === 'free' ? answer : startProblem(ref, 'port_busy', answer.message);
}

async function ownCommand(host: PlanHost, order: PlanOrder): Promise<StartProblem | null> {
  const { ref, spec } = order;
  if (spec.engine.preflight === null) return null;
  const plan = await planEngine(host, order);
  if (plan.is === 'failed') return plan;
  const { command, timeoutMs } = spec.engine.preflight;
  const { env, cwd, user, values } = plan;
  const result = await runCommand(host.clock, { argv: expandAll(command, values), env, cwd, user, timeoutMs, outputBytes: 2048 });
  if (result.code === 0) return null;
  return startProblem(ref, 'prepare_failed', `its preflight ${outcome(result, timeoutMs)}`);
}

/** The end of a command that failed, in words, with the last of what it said. */
export function outcome(result: Awaited<ReturnType<typeof runCommand>>, timeoutMs: number): string {
  const { problem, timedOut, signal, code, output } = result;
  if (problem !== null) return `could not be run: ${problem}`;
  const end = timedOut ? `did not end within ${timeoutMs} ms` : signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
  const said = output.trimEnd();
  return said === '' ? end : `${end}; it said: ${said}`;
}
