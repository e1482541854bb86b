/** Reads a configuration from disk: one file, and where asked the files of `pools.d` beside it. */
import type { Stats } from 'node:fs';
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Assembled } from './assemble.ts';
import { assemble } from './assemble.ts';
import type { Problem, Severity } from './problem.ts';
import { formatBytes } from './quantity.ts';
import type { Source } from './source.ts';
import { MAX_FILE_BYTES, readSource } from './source.ts';

export interface LoadOptions {
  /** The main file, as it is to be named in messages. */
  readonly file: string;
  /** A directory of further files with pools; one that does not exist is an empty one. Null for none. */
  readonly poolsDirectory?: string | null;
}

export type Loaded = Assembled;

export const MAX_POOL_FILES = 2_000;

/** Never throws for what is in the files or for files that cannot be read: that is a problem like any other, and `spec` is null. */
export function loadConfig(options: LoadOptions): Loaded {
  const problems: Problem[] = [];
  const files = [options.file, ...poolFiles(options.poolsDirectory ?? null, problems)];
  const sources = files.flatMap((file) => readFile(file, problems));
  const assembled = sources[0]?.file === options.file ? assemble(sources) : { spec: null, problems: [] };
  const failed = problems.some(({ severity }) => severity === 'error');
  return { spec: failed ? null : assembled.spec, problems: [...problems, ...assembled.problems] };
}

/** The same for a text that is no file (yet): relative paths start from `directory`. */
export function readConfig(text: string, { file, directory }: { readonly file: string; readonly directory: string }): Loaded {
  return assemble([readSource(file, resolve(directory), text)]);
}

function poolFiles(directory: string | null, problems: Problem[]): string[] {
  if (directory === null) return [];
  try {
    const names = readdirSync(directory).sort();
    const files = names.filter((name) => name.endsWith('.yaml') && !name.startsWith('.'));
    for (const name of names) {
      if (name.endsWith('.yml'))
        problems.push(problemOf(join(directory, name), 'cannot be read as a pool file: only *.yaml is, rename it', 'warning'));
    }
    if (files.length > MAX_POOL_FILES) problems.push(problemOf(directory, `cannot read more than ${MAX_POOL_FILES} files of pools`));
    return files.slice(0, MAX_POOL_FILES).map((name) => join(directory, name));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') problems.push(problemOf(directory, `cannot read the directory: ${reasonOf(error)}`));
    return [];
  }
}

function readFile(file: string, problems: Problem[]): Source[] {
  let descriptor: number | undefined;
  try {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(descriptor);
    const fault = unreadable(stats);
    if (fault !== null) {
      problems.push(problemOf(file, fault));
      return [];
    }
    if ((stats.mode & 0o002) !== 0) {
      problems.push(problemOf(file, 'cannot trust who wrote this: every user of the host may change it; chmod o-w it', 'warning'));
    }
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(descriptor));
    return [readSource(file, dirname(resolve(file)), text)];
  } catch (error) {
    problems.push(problemOf(file, `cannot read the file: ${reasonOf(error)}`));
    return [];
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function unreadable(stats: Stats): string | null {
  if (stats.isDirectory()) return 'cannot read the file: it is a directory';
  if (!stats.isFile()) return 'cannot read the file: it is no regular file';
  if (stats.size > MAX_FILE_BYTES)
    return `cannot read the file: it has ${formatBytes(stats.size)}, at most ${formatBytes(MAX_FILE_BYTES)} are read`;
  return null;
}

function problemOf(file: string, message: string, severity: Severity = 'error'): Problem {
  return { file, line: 1, column: 1, path: '', message, severity };
}

function reasonOf(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'it does not exist; `poold init worker` prints one to begin with';
    case 'EACCES':
      return 'no permission';
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return 'it is not UTF-8';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}
