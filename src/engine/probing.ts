/** Puts the probes of one generation together: where to ask, as whom, and whose listener it has to be. */
import type { Clock } from '../clock.ts';
import type { PoolSpec } from '../config/spec.ts';
import type { Living } from '../pool/room.ts';
import type { EngineLog } from './logs/log-file.ts';
import type { NotifySockets } from './notify/notify-sockets.ts';
import type { PlanHost } from './plan.ts';
import { planEngine } from './plan.ts';
import { listenerIs } from './probes/listener.ts';
import type { NotifyInbox } from './probes/notify.ts';
import type { ProbeWatch } from './probes/runner.ts';
import { watchProbes } from './probes/runner.ts';
import { markOf } from './proc.ts';
import type { ProbeResult } from './samples-state.ts';
import type { Tree } from './tree.ts';
import { templateValues } from './url.ts';

export interface ProbingParts {
  readonly clock: Clock;
  readonly host: PlanHost;
  readonly tree: Tree;
  readonly log: EngineLog;
  readonly notify: NotifySockets;
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
  const notify = await inboxOf(parts);
  return watchProbes({ spec, ref, log, clock, host, port, values: templateValues(living), notify, ownerOf, report, ...surroundings });
}

/** Of an engine just spawned the socket is there, of an adopted one it is bound again. It is read in either case, whatever the phase. */
async function inboxOf({ notify, tree, living, instance }: ProbingParts): Promise<NotifyInbox | null> {
  const { spec, identity } = living;
  // ORDER: the one process first: it may end as soon as it has said its word, and without a cgroup the look at all others takes its time.
  const isOurs = async (pid: number): Promise<boolean> =>
    (identity.cgroup === null && markOf(pid) === instance) || (await tree.members(identity)).includes(pid);
  try {
    const open = await notify.open(spec, instance);
    if (open === null) return null;
    open.socket.read(isOurs);
    return { listen: (_, heard) => open.socket.listen(heard) };
  } catch (error) {
    const message = `cannot receive READY=1: ${(error as Error).message}`;
    return {
      listen(_, heard) {
        heard({ ok: false, message });
        return { close: () => {} };
      },
    };
  }
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
