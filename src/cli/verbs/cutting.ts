/** `--now`: cuts what is held, and on a terminal asks before. */
import { createInterface } from 'node:readline';
import type { LeaseStatus } from '../../lease/lease.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless } from '../harmless.ts';
import type { Session } from '../session.ts';
import type { Act, ActOptions } from './act.ts';
import { act } from './act.ts';

export async function cutting(session: Session, acts: readonly Act[], options: ActOptions): Promise<ExitCode> {
  const { out } = session;
  if (process.stdin.isTTY && process.stderr.isTTY) {
    const held = await heldBy(session, acts);
    if (held.length > 0 && !(await agreed(cutQuestion(held)))) {
      out.note('poolctl: nothing was cut, nothing was done');
      return EXIT.refused;
    }
  }
  return act(session, acts, options);
}

async function heldBy({ leases }: Session, acts: readonly Act[]): Promise<readonly LeaseStatus[]> {
  const lists = acts.map(async ({ pool, command }) => {
    const replica = 'replica' in command ? command.replica : null;
    return (await leases.list({ pool, holder: null, olderMs: null })).filter(
      ({ engine }) => replica === null || engine.id === `${pool}/${replica}`,
    );
  });
  return (await Promise.all(lists)).flat();
}

/** Holders that are named before the rest is only counted. */
const NAMED = 3;

/** `2 leases are held on chat (by ann, bob); cut them? [y/N] ` */
export function cutQuestion(leases: readonly Pick<LeaseStatus, 'pool' | 'holder'>[]): string {
  const places = Object.entries(Object.groupBy(leases, ({ pool }) => pool)).map(([pool, list = []]) => {
    const holders = [...new Set(list.map(({ holder }) => harmless(holder)))];
    const others = holders.length > NAMED ? ` and ${holders.length - NAMED} more` : '';
    return `${pool} (by ${holders.slice(0, NAMED).join(', ')}${others})`;
  });
  const [are, them] = leases.length === 1 ? ['1 lease is', 'it'] : [`${leases.length} leases are`, 'them'];
  return `${are} held on ${places.join(' and ')}; cut ${them}? [y/N] `;
}

/** Everything but a clear yes is a no, the end of the input too. Ctrl-C ends poolctl: the terminal stays as it is. */
function agreed(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  return new Promise((resolve) => {
    lines.on('close', () => resolve(false));
    lines.question(question, (answer) => {
      resolve(/^y(es)?$/i.test(answer.trim()));
      lines.close();
    });
  });
}
