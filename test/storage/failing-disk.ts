/** One life of a daemon whose disk answers some calls with an error, its death, and what the next one knows. */
import type { Rig } from '../machine/rig.ts';
import { Dice } from '../sim/dice.ts';
import { Ledger } from './ledger.ts';
import type { Injection } from './strace.ts';
import { failedIn, through } from './strace.ts';

const MOST_ASKED = 2_000;

export interface Life extends Omit<Injection, 'trace'> {
  readonly seed: number;
  /** How many failures it has to go through; it is killed behind them. */
  readonly failures: number;
}

export interface Outcome {
  readonly failed: number;
  readonly asked: number;
  /** By what was answered. */
  readonly answers: Readonly<Record<string, number>>;
  readonly broken: readonly string[];
  /** Lines of the daemon that say that something of it is broken. */
  readonly faults: readonly string[];
}

/** The rig has the pools of the ledger, and no daemon; it has one behind this. */
export async function livesThrough(rig: Rig, { seed, failures, ...fault }: Life): Promise<Outcome> {
  const ledger = new Ledger(rig, new Dice({ seed, only: null }).stream(`${fault.call} ${fault.as} ${fault.when}`));
  const trace = rig.path(`trace-${fault.call}-${fault.as}-${fault.when}`);
  const daemon = await rig.start({ through: through({ ...fault, trace }) });
  await rig.poolReaches('chat', 'running');
  const before = await chatPids(rig);
  let asked = 0;
  // A few behind the last failure, so that what comes of it is seen.
  for (let behind = 0; behind < 5 && asked < MOST_ASKED; asked += 1) {
    await ledger.ask();
    if (failedIn(trace) >= failures) behind += 1;
  }
  const broken = daemon.exitCode === null && daemon.signalCode === null ? [] : ['the daemon ended by itself'];
  broken.push(...(await ledger.broken()).map((one) => `before its death: ${one}`));
  await rig.endDaemon('SIGKILL');
  const faults = faultLines(rig);
  await rig.start();
  await rig.poolReaches('chat', 'running');
  await ledger.settled();
  broken.push(...(await ledger.broken()));
  const after = await chatPids(rig);
  if (String(after) !== String(before)) broken.push(`the engines were ${before} and are ${after}`);
  await ledger.acquire();
  broken.push(...(await ledger.broken()));
  if (broken.length === 0) await ledger.giveBackAll();
  await rig.endDaemon('SIGKILL');
  return { failed: failedIn(trace), asked, answers: ledger.answers(), broken, faults };
}

async function chatPids(rig: Rig): Promise<readonly (number | null)[]> {
  return (await rig.pool('chat')).engines.map(({ pid }) => pid);
}

function faultLines(rig: Rig): string[] {
  return rig
    .daemonLog()
    .split('\n')
    .filter((line) => /a fault of poold|cannot answer a request|unhandled/i.test(line));
}
