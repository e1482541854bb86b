/** How generations ended, as an operator sees it afterwards. */
import { equal, match, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { DataTable } from '@cucumber/cucumber';
import { Then, When } from '@cucumber/cucumber';
import type { HistoryEntry } from '../../src/pool/host.ts';
import type { PooldWorld } from '../support/world.ts';
import { isLike } from './lifecycle.ts';
import { at } from './operator.ts';

When('the launcher of {string} is killed', async function (this: PooldWorld, id: string) {
  const { pid } = await this.engine(id);
  await killLauncherOf(this, pid);
});

/** Rows of path and value; a value between slashes is a pattern. */
Then('the last end of {string} was:', async function (this: PooldWorld, id: string, wanted: DataTable) {
  const { lastExit } = await this.engine(id);
  for (const [path, value] of Object.entries(wanted.rowsHash())) isLike(at(lastExit, path), this.filled(value));
});

/** `poolctl history`, newest first: columns are paths in an entry; a cell between slashes is a pattern. */
Then('the history of {string} comes to:', async function (this: PooldWorld, subject: string, wanted: DataTable) {
  await this.until(`the history of ${subject} is as told`, async () => {
    const entries = await history(this, subject);
    equal(entries.length, wanted.hashes().length, `number of entries in ${JSON.stringify(entries.map(({ message }) => message))}`);
    for (const [index, row] of wanted.hashes().entries()) {
      for (const [path, value] of Object.entries(row)) isLike(at(entries[index], path), this.filled(value));
    }
    return true;
  });
});

/** Rows: `count`, and how the `first` and the `last` of them begin. */
Then('the newest end of {string} is kept with its last lines:', async function (this: PooldWorld, subject: string, wanted: DataTable) {
  const { count, first = '', last = '' } = wanted.rowsHash();
  const lines = (await history(this, subject))[0]?.lastLines ?? [];
  equal(lines.length, Number(count));
  ok(lines[0]?.startsWith(first), lines[0]);
  ok(lines.at(-1)?.startsWith(last), lines.at(-1));
});

Then('the message of the last error of {string} is like {string}', async function (this: PooldWorld, pool: string, pattern: string) {
  match((await this.status(pool)).lastError ?? '', new RegExp(pattern));
});

Then('the message of the engine {string} names the stranger on port {word}', async function (this: PooldWorld, id: string, port: string) {
  const { message } = await this.engine(id);
  ok(message?.includes(`port ${this.filled(port)} is held by pid ${process.pid} (`), message ?? '');
});

export async function history(world: PooldWorld, subject: string): Promise<readonly HistoryEntry[]> {
  const { stdout } = await world.poolctl('history', subject, '--output', 'json');
  return (JSON.parse(stdout) as { items: HistoryEntry[] }).items;
}

/** The parent of the engine's main process, and nobody else. */
export async function killLauncherOf(world: PooldWorld, pid: number | null): Promise<void> {
  const launcher = Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  match(readFileSync(`/proc/${launcher}/cmdline`, 'utf8'), /poold-launcher/);
  process.kill(launcher, 'SIGKILL');
  await endOfProcess(world, launcher);
}

/** Gone, or a zombie that nobody has reaped yet: its command line is empty then. */
export async function endOfProcess(world: PooldWorld, pid: number): Promise<void> {
  await world.until(`process ${pid} has ended`, () => commandLineOf(pid) === '');
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
