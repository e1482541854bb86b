/** Names who listens on a TCP port: as far as /proc lets this user look. */
import { readdirSync, readlinkSync } from 'node:fs';
import { listeningOn } from './listening.ts';
import { allPids, argvOf } from './proc.ts';

/** `pid 4711 (nginx: master process)`, or null when nobody listens or it cannot be seen whose it is. */
export function portHolder(port: number): string | null {
  const pid = listenerOf(port);
  return pid === null ? null : `pid ${pid} (${argvOf(pid).join(' ').trim().slice(0, 120) || 'no command line'})`;
}

/** Pid of a process that listens on `port`, or null. */
export function listenerOf(port: number): number | null {
  const inodes = new Set(listeningOn(port).map(({ inode }) => `socket:[${inode}]`));
  if (inodes.size === 0) return null;
  return allPids().find((pid) => descriptorsOf(pid).some((target) => inodes.has(target))) ?? null;
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => link(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // Another user's, or gone.
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
