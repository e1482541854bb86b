/** Where the API listens: a socket file that is never open to more than it should be, and TCP that is never open without TLS beyond loopback. */
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { isIP } from 'node:net';
import { basename, dirname, join } from 'node:path';
import type { DaemonSpec, TcpListenSpec } from '../config/spec.ts';
import { PooldError } from '../errors.ts';
import { groupId } from './groups.ts';

type SocketSpec = DaemonSpec['listen']['socket'];

export interface SocketPlace extends Pick<SocketSpec, 'mode' | 'group'> {
  readonly path: string;
  /** Where the configuration names the group. */
  readonly groupKey: 'listen.socket.group' | 'listen.socket.leaseGroup';
  readonly warn: (message: string) => void;
}

/** `sun_path` has 108 bytes, the last of them NUL. */
const SOCKET_PATH_BYTES = 107;

/**
 * Listens on a Unix socket with the mode and group asked for. The caller holds the daemon lock, so a socket that lies there is stale.
 * Throws PooldError `invalid_config` for a path that is too long, something else in its place, or a group that can't be had.
 */
export async function listenOnSocket(server: Server, place: SocketPlace): Promise<void> {
  const { path, mode, group } = place;
  const bytes = Buffer.byteLength(path);
  if (bytes > SOCKET_PATH_BYTES) {
    throw new PooldError(
      'invalid_config',
      `cannot listen on ${path}: its path has ${bytes} bytes and the kernel takes ${SOCKET_PATH_BYTES}; choose a shorter --runtime-dir`,
    );
  }
  refuseOtherFile(path);
  const gid = group === null ? null : wantedGroup(group, place);
  // ORDER: bound inside a directory that nobody else can enter, then owner, then mode, and only then moved to where clients look.
  // A umask would do it too, but it holds for the whole process, and so for what other threads create meanwhile.
  // Each socket has its own, whose path is no longer than that of the socket.
  const nursery = join(dirname(path), `.${basename(path, '.sock')}`);
  rmSync(nursery, { recursive: true, force: true });
  mkdirSync(nursery, { mode: 0o700 });
  const born = join(nursery, 's');
  try {
    await listening(server, { path: born });
    if (gid !== null && group !== null) giveTo(born, { gid, group, place });
    chmodSync(born, mode);
    renameSync(born, path);
  } finally {
    rmSync(nursery, { recursive: true, force: true });
  }
}

/** Listens on TCP; the port in use is the answer (asked for 0, any free one). Throws PooldError `invalid_config` when the place is taken or not ours. */
export async function listenOnTcp(server: Server, place: { readonly host: string; readonly port: number }): Promise<number> {
  await listening(server, { host: place.host, port: place.port });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : place.port;
}

/** Certificate and key, or null for plain HTTP. Throws PooldError `invalid_config` for plain HTTP beyond loopback and for files that can't be read. */
export function tlsOf(spec: TcpListenSpec): { readonly cert: Buffer; readonly key: Buffer } | null {
  if (spec.tls === null) {
    if (isLoopback(spec.host)) return null;
    throw new PooldError(
      'invalid_config',
      `cannot listen on ${spec.host}:${spec.port} without TLS: tokens would cross the network in the clear; set listen.tcp.tls, or host 127.0.0.1`,
    );
  }
  return { cert: readPem(spec.tls.cert, 'listen.tcp.tls.cert'), key: readPem(spec.tls.key, 'listen.tcp.tls.key') };
}

export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

function readPem(file: string, key: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new PooldError('invalid_config', `cannot read ${key} ${file}: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`, {
      cause: error,
    });
  }
}

function refuseOtherFile(path: string): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined || there.isSocket()) return;
  throw new PooldError('invalid_config', `cannot listen on ${path}: something that is no socket lies there; move it away`);
}

type Group = NonNullable<SocketSpec['group']>;

function wantedGroup(group: Group, place: SocketPlace): number | null {
  const gid = groupId(group.name);
  if (gid === null) withoutGroup(group, place, { why: `there is no group ${group.name}; make it with groupadd --system ${group.name}` });
  return gid;
}

function giveTo(path: string, { gid, group, place }: { readonly gid: number; readonly group: Group; readonly place: SocketPlace }): void {
  try {
    chownSync(path, -1, gid);
  } catch (cause) {
    const why = `poold's user is not in the group ${group.name}; add it with usermod -aG ${group.name} USER`;
    withoutGroup(group, place, { why, cause });
  }
}

/** An error where the file names the group, else a warning. */
function withoutGroup(
  group: Group,
  { path, groupKey, warn }: SocketPlace,
  { why, cause }: { readonly why: string; readonly cause?: unknown },
): void {
  if (group.written)
    throw new PooldError('invalid_config', `cannot give the socket to the group that ${groupKey} names: ${why}`, { cause });
  warn(`${basename(path)} stays with the daemon's own group: ${why}`);
}

function listening(server: Server, place: { readonly path: string } | { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      const where = 'path' in place ? place.path : `${place.host}:${place.port}`;
      const why =
        error.code === 'EADDRINUSE'
          ? 'somebody else listens there'
          : error.code === 'EACCES'
            ? 'not permitted'
            : (error.code ?? error.message);
      reject(new PooldError('invalid_config', `cannot listen on ${where}: ${why}`, { cause: error }));
    };
    server.once('error', failed);
    server.listen(place, () => {
      server.off('error', failed);
      resolve();
    });
  });
}
