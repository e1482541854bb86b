/** Puts the probes of one generation together: where to ask, as whom, and whose listener it has to be. */
import type { Clock } from '../clock.ts';
import type { PoolSpec } from '../config/spec.ts';
import type { Living } from '../pool/room.ts';
import type { EngineLog } from './logs/log-file.ts';
import type { PlanHost } from './plan.ts';
import { planEngine } from './plan.ts';
import { listenerIs } from './probes/listener.ts';
import type { ProbeWatch } from './probes/runner.ts';
import { watchProbes } from './probes/runner.ts';
import type { ProbeResult } from './samples-state.ts';
import type { Tree } from './tree.ts';
import { templateValues } from './url.ts';

export interface ProbingParts {
  readonly clock: Clock;
  readonly host: PlanHost;
  readonly tree: Tree;
  readonly log: EngineLog;
  readonly living: Living;
  readonly instance: string;
}

/** Nothing is asked before `setPhase`. */
export async function startProbes(parts: ProbingParts, report: (result: ProbeResult) => void): Promise<ProbeWatch> {
  const { clock, tree, log, living } = parts;
  const { spec, ref, port, identity } = living;
  const { host } = spec.engine;
  const ownerOf = async (asked: number) => listenerIs(await tree.members(identity), host, asked);
  const surroundings = await surroundingsFor(parts);
  return watchProbes({ spec, ref, log, clock, host, port, values: templateValues(living), notify: null, ownerOf, report, ...surroundings });
}

/** Only a command needs the engine's environment and user: they are not read for probes that just connect. */
async function surroundingsFor({ host, living, instance }: ProbingParts) {
  const none = { env: {}, cwd: '/', user: null };
  if (!hasCommand(living.spec)) return none;
  const plan = await planEngine(host, { ...living, instance });
  if (plan.is === 'failed') throw new Error(plan.message);
  const { env, cwd, user } = plan;
  return { env, cwd, user };
}

function hasCommand({ probes }: PoolSpec): boolean {
  return [probes.startup, probes.readiness, probes.liveness].some((probe) => probe?.action.by === 'exec');
}
