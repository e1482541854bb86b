/** `status` and `status POOL`. */
import { counted } from '../../config/counted.ts';
import type { EngineStatus, Override, PoolStatus } from '../../pool/status.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless } from '../harmless.ts';
import type { Output } from '../output.ts';
import { stateColor } from '../output.ts';
import type { Session } from '../session.ts';
import type { Column } from '../table.ts';
import { table } from '../table.ts';
import { wholePool } from '../target.ts';
import { relative, span } from '../times.ts';

export async function status({ client, out, clock }: Session, name: string | undefined): Promise<ExitCode> {
  if (name === undefined) {
    const pools = await client.pools();
    if (out.json) out.value({ items: pools });
    else if (pools.length === 0) out.note('there are no pools: add some to the configuration and start poold again');
    else out.lines(table(poolColumns(out), pools, out.width));
    return EXIT.done;
  }
  const pool = await client.pool(wholePool(name));
  if (out.json) out.value(pool);
  else out.lines(detail(pool, { out, wallMs: clock.wallMs() }));
  return EXIT.done;
}

interface Showing {
  readonly out: Output;
  readonly wallMs: number;
}

function poolColumns(out: Output): readonly Column<PoolStatus>[] {
  return [
    { title: 'POOL', cell: ({ pool }) => pool },
    { title: 'STATE', cell: ({ state }) => state, style: (text) => colored(out, text) },
    { title: 'READY', cell: ({ engines }) => String(readyOf(engines)), right: true },
    { title: 'WANTED', cell: ({ wanted }) => String(wanted), right: true },
    {
      title: 'LEASES',
      cell: ({ activeLeases, slotsTotal }) => (activeLeases === 0 ? '' : `${activeLeases}/${slotsTotal}`),
      right: true,
      optional: true,
    },
    { title: 'QUEUE', cell: ({ queueDepth }) => (queueDepth === 0 ? '' : String(queueDepth)), right: true, optional: true },
    { title: 'RESTARTS', cell: ({ restartCount }) => String(restartCount), right: true },
    { title: 'BREAKER', cell: ({ breaker }) => breaker.state, style: (text) => (text === 'closed' ? text : colored(out, text)) },
    { title: 'MESSAGE', cell: ({ message, orphaned }) => harmless(message ?? (orphaned ? 'no longer in the configuration' : '')) },
  ];
}

function detail(pool: PoolStatus, { out, wallMs }: Showing): readonly string[] {
  const ready = readyOf(pool.engines);
  const { breaker } = pool;
  const classes = Object.entries(breaker.classes).filter(([, { state }]) => state !== 'closed');
  return [
    `${out.style('bold', pool.pool)}  ${colored(out, pool.state)}  ${ready} of ${pool.wanted} ready`,
    ...(pool.message === null ? [] : [`  ${harmless(pool.message)}`]),
    '',
    `  slots       ${pool.slotsFree} free of ${pool.slotsTotal}${pool.activeLeases === 0 ? '' : `, ${counted(pool.activeLeases, 'lease')} held`}`,
    ...(pool.queueDepth === 0 ? [] : [`  queue       ${pool.queueDepth} waiting`]),
    ...(pool.engineVersion === null ? [] : [`  version     ${harmless(pool.engineVersion)}`]),
    ...(pool.devices === null ? [] : [`  devices     ${harmless(pool.devices.join(' '))}`]),
    `  restarts    ${pool.restartCount} lately, ${counted(pool.crashCount, 'crash', 'crashes')} in all`,
    `  breaker     ${breakerText(breaker, { out, wallMs })}`,
    ...classes.map(([name, one]) => `  breaker     ${harmless(name)}: ${breakerText(one, { out, wallMs })}`),
    `  containment ${pool.containment}`,
    ...(pool.orphaned ? ['  orphaned    no longer in the configuration'] : []),
    ...(pool.lastError === null ? [] : [`  last error  ${harmless(pool.lastError)}`]),
    ...pool.overrides.map((override) => `  override    ${overrideText(override, wallMs)}`),
    '',
    ...(pool.engines.length === 0 ? ['no engines'] : table(engineColumns(pool, { out, wallMs }), pool.engines, out.width)),
    ...said(pool),
  ];
}

function engineColumns({ slotsTotal, replicas }: PoolStatus, { out, wallMs }: Showing): readonly Column<EngineStatus>[] {
  const slots = replicas === 0 ? 0 : slotsTotal / replicas;
  return [
    { title: 'ENGINE', cell: ({ id }) => id },
    { title: 'STATE', cell: ({ state }) => state, style: (text) => colored(out, text) },
    { title: 'ROLE', cell: ({ role }) => (role === 'serving' ? '' : role), optional: true },
    { title: 'PID', cell: ({ pid }) => (pid === null ? '' : String(pid)), right: true },
    { title: 'ADDRESS', cell: ({ url }) => harmless((url ?? '').replace(/^http:\/\//, '')) },
    {
      title: 'UPTIME',
      cell: ({ live, startedAt }) => (live && startedAt !== null ? span(wallMs - Date.parse(startedAt)) : ''),
      right: true,
    },
    { title: 'LEASES', cell: (engine) => leasesText(engine, slots), right: true, optional: true },
    { title: 'IN USE', cell: ({ inUse }) => (inUse === null ? '' : String(inUse)), right: true, optional: true },
    { title: 'FAILURES', cell: ({ failures }) => String(failures), right: true },
    { title: 'DEVICE', cell: ({ device }) => harmless(device ?? ''), optional: true },
    { title: 'NEXT START', cell: ({ nextStartAt }) => relative(nextStartAt, wallMs), optional: true },
    {
      title: 'LAST EXIT',
      cell: ({ lastExit }) => (lastExit === null ? '' : `${harmless(exitText(lastExit))} ${relative(lastExit.at, wallMs)}`),
      optional: true,
    },
  ];
}

/** Nobody leases engines of somebody else. */
function leasesText({ activeLeases, state }: EngineStatus, slots: number): string {
  if (slots === 0 || state === 'external') return '';
  return `${activeLeases}/${slots}`;
}

/** Somebody else's engines, and those that have not proved themselves, are shown and not counted. */
function readyOf(engines: readonly EngineStatus[]): number {
  return engines.filter(({ ready, state, role }) => ready && state !== 'external' && role !== 'candidate').length;
}

/** The signal says more than the class `signal`, the code more than `error`. */
export function exitText({
  class: name,
  code,
  signal,
}: {
  readonly class: string;
  readonly code: number | null;
  readonly signal: string | null;
}): string {
  if (name === 'signal' && signal !== null) return signal;
  return name === 'error' && code !== null ? `error ${code}` : name;
}

function said({ engines }: PoolStatus): readonly string[] {
  const lines = engines.flatMap(({ id, message, outdated }) => [
    ...(message === null ? [] : [`${id}: ${harmless(message)}`]),
    ...(outdated ? [`${id}: runs by an older configuration; its next start uses the new one`] : []),
  ]);
  return lines.length === 0 ? [] : ['', ...lines];
}

function breakerText(
  { state, failures, openUntil }: { readonly state: string; readonly failures: number; readonly openUntil: string | null },
  { out, wallMs }: Showing,
): string {
  const until = openUntil === null ? '' : `, tries again ${relative(openUntil, wallMs)}`;
  return `${colored(out, state)}${failures === 0 ? '' : `, ${counted(failures, 'failure')} in a row`}${state === 'open' ? until : ''}`;
}

function overrideText({ key, value, fileValue, by, at, reason }: Override, wallMs: number): string {
  const why = reason === null ? '' : `: ${harmless(reason)}`;
  return `${key} ${valueText(value)} instead of ${valueText(fileValue)}, by ${harmless(by)} ${relative(at, wallMs)}${why}`;
}

function valueText(value: Override['value']): string {
  return value === null ? 'nothing' : harmless(String(value));
}

function colored(out: Output, state: string): string {
  const color = stateColor(state);
  return color === null ? state : out.style(color, state);
}
