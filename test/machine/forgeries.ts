/** What may lie where the daemon has a file of its own: each takes the place of whatever is there. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

export interface Aim {
  /** Whose pid is written down. */
  readonly stranger: { readonly pid: number; readonly startTicks: number };
  /** What a link leads to: a file that is not poold's. */
  readonly precious: string;
}

export interface Forgery {
  readonly name: string;
  readonly forge: (path: string, aim: Aim) => void;
  /** Nothing can be put in the place of that. */
  readonly isDirectory?: boolean;
}

const HUGE_BYTES = 400 * 1024 * 1024;

const AT_ITS_PLACE: readonly Forgery[] = [
  { name: 'nothing', forge: (path) => rmSync(path, { recursive: true, force: true }) },
  { name: 'a stranger', forge: strangerIn },
  { name: 'a link', forge: (path, { precious }) => symlinkSync(precious, freed(path)) },
  { name: 'garbage', forge: (path) => writeFileSync(freed(path), Buffer.from([0, 255, 10, 45, 49, 10, 0xc3, 0x28])) },
  { name: 'a huge file', forge: hugeIn },
  { name: 'a FIFO', forge: fifoIn },
  { name: 'a directory', isDirectory: true, forge: (path) => mkdirSync(freed(path)) },
];

/** A file is written beside its place first, and something may lie there too. */
const BESIDE_IT: readonly Forgery[] = AT_ITS_PLACE.filter(({ isDirectory }) => isDirectory !== true).map(({ name, forge }) => ({
  name: `${name}, beside it`,
  forge: (path, aim) => forge(`${path}.new`, aim),
}));

export const FORGERIES: readonly Forgery[] = [...AT_ITS_PLACE, ...BESIDE_IT];

/** A pid file says the stranger's pid; a record, that he is the engine, and how that has ended. */
function strangerIn(path: string, { stranger }: Aim): void {
  if (!basename(path).endsWith('.run')) return writeFileSync(freed(path), `${stranger.pid}\n`);
  const [head = '', main = ''] = readFileSync(path, 'utf8').split('\n');
  const forged = [stranger.pid, stranger.startTicks, main.trim().split(' ')[2]].join(' ').padEnd(40);
  writeFileSync(freed(path), `${head}\n${forged}\n${'7   1.00'.padEnd(24)}\n`, { mode: 0o600 });
}

function hugeIn(path: string): void {
  writeFileSync(freed(path), '4711\n');
  truncateSync(path, HUGE_BYTES);
}

function fifoIn(path: string): void {
  const made = spawnSync('mkfifo', [freed(path)]);
  if (made.status !== 0) throw new Error(`cannot make a FIFO: ${made.stderr}`);
}

function freed(path: string): string {
  rmSync(path, { recursive: true, force: true });
  return path;
}
