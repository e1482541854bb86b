/** Finds what an argv would execute, and says in a sentence why it could not be: before the spawn, and after an exec that failed. */
import { accessSync, closeSync, constants, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Executable as ExecutableFile } from './engine-state.ts';

type Found = { readonly path: string } | { readonly problem: string };

/** As execvp would look: a name with a slash is a path (relative to `cwd`), any other is looked for in `searchPath`. */
export function findExecutable(name: string, searchPath: string, cwd: string): Found {
  if (name === '') return { problem: 'the command is an empty word' };
  if (name.includes('/')) return check(resolve(cwd, name));
  let denied: Found | null = null;
  for (const directory of searchPath.split(':')) {
    const candidate = check(resolve(cwd, directory, name));
    if ('path' in candidate) return candidate;
    // Like execvp: one that may not be executed does not end the search, but is what is told if nothing better comes.
    if (!candidate.missing) denied ??= { problem: candidate.problem };
  }
  return denied ?? { problem: `${name} is in none of the directories of PATH (${searchPath})` };
}

/** Which file it is, to see whether a start now would run another; null when it cannot be looked at. */
export function fileAt(path: string): ExecutableFile | null {
  try {
    const { ino, mtimeMs, size } = statSync(path);
    return { path, inode: ino, modifiedMs: mtimeMs, bytes: size };
  } catch {
    return null;
  }
}

/** Null when `path` can be executed by this process; else why not. */
export function whyNotExecutable(path: string): string | null {
  const result = check(path);
  return 'path' in result ? null : result.problem;
}

type Checked = { readonly path: string } | { readonly problem: string; readonly missing: boolean };

function check(path: string): Checked {
  const isFile = looked(() => statSync(path).isFile());
  if (isFile === 'ENOENT' || isFile === 'ENOTDIR') return { problem: `${path} does not exist`, missing: true };
  // A directory of PATH that this user may not enter has nothing for it.
  if (typeof isFile === 'string') return { problem: `${path} cannot be reached (${isFile}): check the directories above`, missing: true };
  if (!isFile) return { problem: `${path} is not a file`, missing: false };
  const denied = looked(() => accessSync(path, constants.X_OK));
  if (typeof denied === 'string') return { problem: `${path} cannot be executed (${denied}): check its mode`, missing: false };
  const problem = formatProblem(path);
  return problem === null ? { path } : { problem, missing: false };
}

/** The error's code instead of the error. */
function looked<T>(look: () => T): T | string {
  try {
    return look();
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code ?? 'unknown';
  }
}

/**
 * The kernel says ENOEXEC to what is neither ELF nor starts with `#!`, and setsid, setpriv and shells would then hand it to /bin/sh:
 * an argv is never a shell's to read, so it is refused here.
 */
function formatProblem(path: string): string | null {
  const head = headOf(path);
  if (head === null) return null; // Executable but not readable is allowed, and then only the kernel can tell.
  if (head.startsWith('#!')) {
    const interpreter = /^#!\s*(\S+)/.exec(head)?.[1] ?? '';
    const inner = interpreter.startsWith('/') ? problemOf(interpreter) : 'it names none';
    return inner === null ? null : `the interpreter of ${path} cannot be used: ${inner}`;
  }
  const own = headOf('/proc/self/exe') ?? '';
  // Bytes 4 and 18, 19 of an ELF file: 32 or 64 bit, and the machine it is for.
  const native = head.startsWith('\x7fELF') && (own === '' || (head[4] === own[4] && head.slice(18, 20) === own.slice(18, 20)));
  if (native || otherFormats()) return null;
  return head.startsWith('\x7fELF') && head[4] === '\x01'
    ? null
    : `${path} is no program of this machine (ENOEXEC): a script needs a #! line`;
}

function problemOf(interpreter: string): string | null {
  const denied = looked(() => accessSync(interpreter, constants.X_OK));
  return typeof denied === 'string' ? `${interpreter}: ${denied}` : null;
}

/** binfmt_misc knows formats beyond ours (qemu, wine, java): then the kernel decides. */
function otherFormats(): boolean {
  try {
    return readdirSync(join('/proc/sys/fs/binfmt_misc')).some((name) => name !== 'register' && name !== 'status');
  } catch {
    return false;
  }
}

function headOf(path: string): string | null {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const buffer = Buffer.alloc(256);
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, 256, 0));
  } catch {
    return null;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
