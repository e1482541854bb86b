/** Reads the directory in which other programs announce engines of theirs. Whatever lies there may be meant to harm: a link, a pipe, a flood. */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, open, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExternalHandoff } from './handoff-text.ts';
import { parseHandoff } from './handoff-text.ts';

/** By the names of the files, without `.json`. */
export interface FolderLook {
  readonly handoffs: ReadonlyMap<string, ExternalHandoff>;
  /** What is wrong with a file, in half a sentence: it may just be half written. */
  readonly problems: ReadonlyMap<string, string>;
  /** More lies there than is read. */
  readonly crowded: boolean;
}

const MAX_BYTES = 64 * 1024;
export const MAX_FILES = 256;
/** Names that are looked through for handoff files. */
const MAX_NAMES = 4_096;
const HANDOFF_FILE = /^([A-Za-z0-9][A-Za-z0-9._-]{0,62})\.json$/;

/** `owners`: the uids whose files count. Throws when the directory cannot be read. */
export async function lookInFolder(directory: string, owners: ReadonlySet<number>): Promise<FolderLook> {
  const { names, crowded } = await handoffNames(directory);
  const handoffs = new Map<string, ExternalHandoff>();
  const problems = new Map<string, string>();
  for (const name of names) {
    try {
      const text = await readOwned(join(directory, `${name}.json`), owners);
      if (text !== null) handoffs.set(name, parseHandoff(text));
    } catch (error) {
      problems.set(name, (error as Error).message);
    }
  }
  return { handoffs, problems, crowded };
}

async function handoffNames(directory: string): Promise<{ names: string[]; crowded: boolean }> {
  const names: string[] = [];
  let seen = 0;
  for await (const { name } of await opendir(directory)) {
    seen += 1;
    const stem = HANDOFF_FILE.exec(name)?.[1];
    if (stem !== undefined) names.push(stem);
    if (seen === MAX_NAMES) break;
  }
  return { names: names.toSorted().slice(0, MAX_FILES), crowded: names.length > MAX_FILES || seen === MAX_NAMES };
}

/** Null when it has gone meanwhile. */
async function readOwned(path: string, owners: ReadonlySet<number>): Promise<string | null> {
  let handle: FileHandle | null = null;
  try {
    // ORDER: a look at the name first, as opening a device can already do something; what was opened is looked at again, as it may be another.
    const named = await lstat(path);
    if (!named.isFile()) throw new Error(named.isSymbolicLink() ? 'it is a link' : 'it is not a regular file');
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
    const opened = await handle.stat();
    const { uid, mode, size } = opened;
    if (!opened.isFile()) throw new Error('it is not a regular file');
    if (!owners.has(uid)) throw new Error(`it belongs to uid ${uid}, which is neither the daemon's, root's nor one of handoff.allowUsers`);
    if ((mode & 0o002) !== 0) throw new Error('everybody may write to it (chmod o-w)');
    if (size > MAX_BYTES) throw new Error('it is larger than 64 KiB');
    return await textIn(handle);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw code === undefined ? error : new Error(code === 'ELOOP' ? 'it is a link' : `it cannot be read (${code})`);
  } finally {
    await handle?.close();
  }
}

/** It may grow while it is read. */
async function textIn(handle: FileHandle): Promise<string> {
  const buffer = Buffer.alloc(MAX_BYTES + 1);
  let bytes = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, bytes, buffer.length - bytes, bytes);
    bytes += bytesRead;
    if (bytes > MAX_BYTES) throw new Error('it is larger than 64 KiB');
    if (bytesRead === 0) return buffer.toString('utf8', 0, bytes);
  }
}
