/** `status` and `status POOL`. */
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
    `  slots       ${pool.slotsFree} free of ${pool.slotsTotal}`,
    ...(pool.engineVersion === null ? [] : [`  version     ${harmless(pool.engineVersion)}`]),
    ...(pool.devices === null ? [] : [`  devices     ${harmless(pool.devices.join(' '))}`]),
    `  restarts    ${pool.restartCount} lately, ${pool.crashCount} crashes in all`,
    `  breaker     ${breakerText(breaker, { out, wallMs })}`,
    ...classes.map(([name, one]) => `  breaker     ${harmless(name)}: ${breakerText(one, { out, wallMs })}`),
    `  containment ${pool.containment}`,
    ...(pool.orphaned ? ['  orphaned    no longer in the configuration'] : []),
    ...(pool.lastError === null ? [] : [`  last error  ${harmless(pool.lastError)}`]),
    ...pool.overrides.map((override) => `  override    ${overrideText(override, wallMs)}`),
    '',
    ...(pool.engines.length === 0 ? ['no engines'] : table(engineColumns(out, wallMs), pool.engines, out.width)),
    ...said(pool),
  ];
}

function engineColumns(out: Output, wallMs: number): readonly Column<EngineStatus>[] {
  return [
    { title: 'ENGINE', cell: ({ id }) => id },
    { title: 'STATE', cell: ({ state }) => state, style: (text) => colored(out, text) },
    { title: 'PID', cell: ({ pid }) => (pid === null ? '' : String(pid)), right: true },
    { title: 'ADDRESS', cell: ({ url }) => harmless((url ?? '').replace(/^http:\/\//, '')) },
    {
      title: 'UPTIME',
      cell: ({ live, startedAt }) => (live && startedAt !== null ? span(wallMs - Date.parse(startedAt)) : ''),
      right: true,
    },
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

/** Somebody else's engines are shown, and not counted. */
function readyOf(engines: readonly EngineStatus[]): number {
  return engines.filter(({ ready, state }) => ready && state !== 'external').length;
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
  return `${colored(out, state)}${failures === 0 ? '' : `, ${failures} failures in a row`}${state === 'open' ? until : ''}`;
}

function overrideText({ key, value, fileValue, by, at, reason }: Override, wallMs: number): string {
  const why = reason === null ? '' : `: ${harmless(reason)}`;
  return `${key} ${value} instead of ${fileValue}, by ${harmless(by)} ${relative(at, wallMs)}${why}`;
}

function colored(out: Output, state: string): string {
  const color = stateColor(state);
  return color === null ? state : out.style(color, state);
}
