/** Where the API listens: a socket file that is never open to more than it should be, and TCP that is never open without TLS beyond loopback. */
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import type { DaemonSpec, TcpListenSpec } from '../config/spec.ts';
import { PooldError } from '../errors.ts';
import { groupId } from './groups.ts';

type SocketSpec = DaemonSpec['listen']['socket'];

export interface SocketPlace extends Pick<SocketSpec, 'mode' | 'group'> {
  readonly path: string;
  readonly warn: (message: string) => void;
}

/** `sun_path` has 108 bytes, the last of them NUL. */
const SOCKET_PATH_BYTES = 107;

/**
 * Listens on a Unix socket with the mode and group asked for. The caller holds the daemon lock, so a socket that lies there is stale.
 * Throws PooldError `invalid_config` for a path that is too long, something else in its place, or a group that can't be had.
 */
export async function listenOnSocket(server: Server, { path, mode, group, warn }: SocketPlace): Promise<void> {
  const bytes = Buffer.byteLength(path);
  if (bytes > SOCKET_PATH_BYTES) {
    throw new PooldError(
      'invalid_config',
      `cannot listen on ${path}: its path has ${bytes} bytes and the kernel takes ${SOCKET_PATH_BYTES}; choose a shorter --runtime-dir`,
    );
  }
  refuseOtherFile(path);
  const gid = group === null ? null : wantedGroup(group, warn);
  // ORDER: bound inside a directory that nobody else can enter, then owner, then mode, and only then moved to where clients look.
  // A umask would do it too, but it holds for the whole process, and so for what other threads create meanwhile.
  const nursery = join(dirname(path), '.s');
  rmSync(nursery, { recursive: true, force: true });
  mkdirSync(nursery, { mode: 0o700 });
  const born = join(nursery, 'a');
  try {
    await listening(server, { path: born });
    if (gid !== null && group !== null) giveTo(born, { gid, group, warn });
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

function wantedGroup(group: NonNullable<SocketSpec['group']>, warn: (message: string) => void): number | null {
  const gid = groupId(group.name);
  if (gid !== null) return gid;
  const missing = `there is no group ${group.name}; make it with groupadd --system ${group.name}`;
  if (group.written)
    throw new PooldError('invalid_config', `cannot give the socket to the group that listen.socket.group names: ${missing}`);
  warn(`the socket stays with the daemon's own group: ${missing}`);
  return null;
}

function giveTo(
  path: string,
  {
    gid,
    group,
    warn,
  }: { readonly gid: number; readonly group: NonNullable<SocketSpec['group']>; readonly warn: (message: string) => void },
): void {
  try {
    chownSync(path, -1, gid);
  } catch (error) {
    const why = `poold's user is not in the group ${group.name}; add it with usermod -aG ${group.name} USER`;
    if (group.written)
      throw new PooldError('invalid_config', `cannot give the socket to the group that listen.socket.group names: ${why}`, {
        cause: error,
      });
    warn(`the socket stays with the daemon's own group: ${why}`);
  }
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
