/** Whose socket listens on a port: an answer from a stranger on the engine's port must not make the engine ready. */
import { readdir, readlink } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { listeningOn } from '../listening.ts';

export type Owner = 'ours' | 'foreign' | 'unknown';

const ALL_IPV4 = '0'.repeat(8);
const ALL_IPV6 = '0'.repeat(32);

/**
 * 'ours' when one of `pids` holds the socket that a connection to `host` and `port` reaches; 'foreign' when somebody else does and all of
 * `pids` could be looked into; else 'unknown': nobody listens, or it cannot be seen (EPERM, another network namespace). Reads the descriptors of all
 * `pids`: for the step to ready, not for each probe.
 */
export async function listenerIs(pids: readonly number[], host: string, port: number): Promise<Owner> {
  const inodes = listeningInodes(host, port);
  if (inodes.size === 0) return 'unknown';
  let sawAll = pids.length > 0;
  for (const pid of pids) {
    const held = await socketInodes(pid);
    if (held === null) sawAll = false;
    else if (held.some((inode) => inodes.has(inode))) return 'ours';
  }
  return sawAll ? 'foreign' : 'unknown';
}

function listeningInodes(host: string, port: number): Set<string> {
  const listeners = listeningOn(port);
  // As the kernel prefers: the very address, then all of its family, then (for IPv4) all of both families.
  const exact = addressesOf(host);
  const choices = [exact, host.includes(':') ? [] : [ALL_IPV4], [ALL_IPV6]];
  const chosen = choices.map((addresses) => listeners.filter((listener) => addresses.includes(listener.address)));
  return new Set(chosen.find((found) => found.length > 0)?.map((listener) => listener.inode));
}

/** As /proc/net writes them: each 32-bit word in the byte order of the machine, which is little-endian on both that poold runs on. */
function addressesOf(host: string): string[] {
  if (host === '::1') return ['00000000000000000000000001000000'];
  if (host === '0.0.0.0') return addressesOf('127.0.0.1');
  if (host === '::') return addressesOf('::1');
  if (host === 'localhost') return [...addressesOf('127.0.0.1'), ...addressesOf('::1')];
  if (!isIPv4(host)) return [];
  const word = host
    .split('.')
    .map((part) => Number(part).toString(16).toUpperCase().padStart(2, '0'))
    .toReversed()
    .join('');
  return [word, `0000000000000000FFFF0000${word}`];
}

/** Null when the process cannot be looked into. One that has gone meanwhile holds nothing. */
async function socketInodes(pid: number): Promise<string[] | null> {
  const folder = `/proc/${pid}/fd`;
  try {
    const names = await readdir(folder);
    const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => '')));
    return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? [] : null;
  }
}
