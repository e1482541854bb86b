/** `reload POOL`, and what it would do. */
import { counted } from '../../config/counted.ts';
import type { ReloadStrategy } from '../../config/spec.ts';
import type { ReloadPlan } from '../../pool/host.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { harmless } from '../harmless.ts';
import type { Session } from '../session.ts';
import { wholePool } from '../target.ts';
import { durationMs, span } from '../times.ts';
import type { ActOptions } from './act.ts';
import { act } from './act.ts';

export interface ReloadOptions extends ActOptions {
  readonly version?: string;
  readonly set: readonly string[];
  readonly strategy?: ReloadStrategy;
  readonly deadline?: string;
  readonly cutLeases?: boolean;
  readonly same?: boolean;
  readonly dryRun?: boolean;
}

export async function reload(session: Session, name: string, options: ReloadOptions): Promise<ExitCode> {
  const { client, out } = session;
  const pool = wholePool(name);
  const command = {
    do: 'reload' as const,
    version: options.version ?? null,
    vars: varsOf(options.set),
    strategy: options.strategy ?? null,
    deadlineMs: durationMs(options.deadline, '--deadline'),
    cutLeases: options.cutLeases ?? false,
    same: options.same ?? false,
    // Whose word counts is the daemon's to know: this is not sent.
    admin: false,
  };
  if (options.dryRun !== true) return act(session, [{ pool, command }], options);
  const plan = await client.planReload(pool, command);
  if (out.json) out.value(plan);
  else out.lines(planLines(plan));
  return EXIT.done;
}

/** The first `=` ends the name; whatever follows is the value, more of them and nothing at all too. */
function varsOf(settings: readonly string[]): Readonly<Record<string, string>> {
  const vars = settings.map((setting): [string, string] => {
    const at = setting.indexOf('=');
    if (at < 1) throw new UsageError(`cannot set ${JSON.stringify(setting)}: write --set NAME=VALUE, as in --set model=/models/b.gguf`);
    return [setting.slice(0, at), setting.slice(at + 1)];
  });
  const twice = vars.find(([name], index) => vars.findIndex(([other]) => other === name) !== index);
  if (twice !== undefined) throw new UsageError(`cannot set ${twice[0]} twice: give --set ${twice[0]}=VALUE once`);
  return Object.fromEntries(vars);
}

/** A plan as people read it, one fact a line. */
export function planLines(plan: ReloadPlan): readonly string[] {
  const { pool, changes, engines, leases, notes } = plan;
  const acts = plan.would === 'reload' || plan.would === 'revive';
  return [
    `reload ${pool}: ${would(plan)}`,
    ...(changes.length === 0 && acts ? ['  change   none; the engines are replaced all the same'] : []),
    ...changes.map((change) => `  change   ${harmless(change)}`),
    ...(acts ? [`  engines  ${engines.join(' ') || 'none'}`, `  at once  ${atOnce(plan)}`] : []),
    ...(acts && leases.length === 0 ? ['  lease    none is held'] : []),
    ...leases.map(({ id, holder, engine, heldMs }) => `  lease    ${id} on ${engine} by ${harmless(holder)}, held for ${span(heldMs)}`),
    ...(acts ? [`  at most  ${span(plan.atMostMs)}: every start at its limit, every drain at its deadline`] : []),
    ...notes.map((note) => `  note     ${harmless(note)}`),
  ];
}

function would({ would: what, strategy, engines }: ReloadPlan): string {
  const count = counted(engines.length, 'engine');
  switch (what) {
    case 'reload':
      return `would replace ${count}, ${strategy}`;
    case 'unchanged':
      return 'would do nothing: same spec and same executable; --same replaces the engines all the same';
    case 'recorded':
      return 'would be recorded: nothing runs, and the next start uses it';
    case 'revive':
      return 'would start one candidate past the breaker, as the pool has failed; once it is ready the others follow';
    default:
      return what satisfies never;
  }
}

function atOnce({ maxSurge, maxUnavailable }: ReloadPlan): string {
  return `${maxSurge} more than wanted, ${maxUnavailable} fewer`;
}
