/** What every program that poold starts for a pool is stripped of: one chain of exec's for engine, prepare, preflight, exec probe and hooks. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';

const DIRECTORIES = ['/usr/bin', '/bin', '/usr/local/bin', '/usr/sbin', '/sbin'];

/** Whose program it is to be. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface ChainOrder {
  readonly argv: readonly string[];
  readonly user: User | null;
  /** In a session of its own (the chain's first program makes it). */
  readonly ownSession: boolean;
}

/**
 * `argv` behind the programs that strip it. Signal dispositions and mask are the default already: libuv resets them in each child.
 * setpriv costs 0.7 ms, so it is left out where the daemon itself has nothing to strip. Throws when util-linux is not installed.
 */
export function stripped(order: ChainOrder): string[] {
  const { argv, user, ownSession } = order;
  const session = ownSession ? [tool('setsid'), '--'] : [];
  const foreign = user !== null && user.uid !== process.geteuid?.() ? user : null;
  if (foreign === null && nothingToStrip()) return [...session, ...argv];
  const identity = foreign === null ? [] : [`--reuid=${foreign.uid}`, `--regid=${foreign.gid}`, '--init-groups'];
  // Ambient and inheritable sets go: with them the engine could become root again over `user`.
  const strip = [tool('setpriv'), '--no-new-privs', '--inh-caps=-all', '--ambient-caps=-all', ...identity, '--'];
  return [...session, ...strip, ...argv];
}

/** CAP_SETGID and CAP_SETUID, which `user` needs. */
export function maySetUser(): boolean {
  const effective = BigInt(`0x${statusField('CapEff') ?? '0'}`);
  return (effective & 0xc0n) === 0xc0n;
}

let clean: boolean | undefined;

function nothingToStrip(): boolean {
  clean ??= statusField('NoNewPrivs') === '1' && [statusField('CapInh'), statusField('CapAmb')].every((set) => /^0+$/.test(set ?? ''));
  return clean;
}

function statusField(name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
}

const found = new Map<string, string>();

/** Absolute, as the engine's own PATH must not decide what runs before it. */
function tool(name: string): string {
  const known = found.get(name);
  if (known !== undefined) return known;
  const path = DIRECTORIES.map((directory) => join(directory, name)).find(executable);
  if (path === undefined) throw new Error(`${name} (of util-linux) is in none of ${DIRECTORIES.join(' ')}: install util-linux`);
  found.set(name, path);
  return path;
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
