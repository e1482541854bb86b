/** All doors that the configuration opens. */
import { rmSync } from 'node:fs';
import type { DaemonSpec } from '../config/spec.ts';
import type { Door } from './auth.ts';
import type { Patience, Tls } from './http-server.ts';
import { LIMITS } from './limits.ts';
import type { SocketPlace } from './listen.ts';
import { isLoopback, listenOnSocket, listenOnTcp, tlsOf } from './listen.ts';
import type { ApiContext, ApiLog, ObserveRequest } from './ports.ts';
import type { Role } from './roles.ts';
import { ROUTES } from './routes.ts';
import type { ApiServer } from './server.ts';
import { createApiServer } from './server.ts';
import { Tokens } from './tokens.ts';

export interface ServeOptions {
  readonly listen: DaemonSpec['listen'];
  /** Absolute path of api.sock; its directory is there, and the caller holds the daemon lock. */
  readonly socketPath: string;
  /** Of lease.sock, likewise. */
  readonly leaseSocketPath: string;
  readonly context: ApiContext;
  readonly log: ApiLog;
  readonly observeRequest: ObserveRequest;
  /** Unset: that of `LIMITS`. */
  readonly patience?: Patience;
}

export interface Serving {
  readonly socketPath: string;
  /** In use: where 0 was asked for, the one that was free. */
  readonly tcpPort: number | null;
  readonly metricsPort: number | null;
  /** Removes the sockets, ends streams, and waits at most `graceMs` for answers under way. */
  close(graceMs: number): Promise<void>;
}

/** Opens them all or none. Throws PooldError `invalid_config`, with what to change. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { listen, socketPath, leaseSocketPath, log, patience = LIMITS } = options;
  const open: ApiServer[] = [];
  const sockets: string[] = [];
  const close = async (graceMs: number): Promise<void> => {
    for (const path of sockets) rmSync(path, { force: true });
    await Promise.all(open.map((one) => one.close(graceMs)));
  };
  const add = async (door: Door, tls: Tls | null): Promise<ApiServer> => {
    const made = await createApiServer({ ...options, door, tls, patience, routes: ROUTES });
    open.push(made);
    return made;
  };
  const addSocket = async (role: Role, place: Pick<SocketPlace, 'path' | 'group' | 'groupKey'>): Promise<void> => {
    const { server } = await add({ kind: 'socket', role }, null);
    await listenOnSocket(server, { ...place, mode: listen.socket.mode, warn: (message) => log.warn({}, message) });
    sockets.push(place.path);
  };
  let tcpPort: number | null = null;
  let metricsPort: number | null = null;
  try {
    if (listen.tcp !== null) {
      const tls = tlsOf(listen.tcp);
      const tokens = new Tokens(listen.tcp.tokensFile, (message) => log.error({}, message));
      const { server } = await add({ kind: 'tcp', tokens, hosts: listen.tcp.hosts }, tls);
      tcpPort = await listenOnTcp(server, listen.tcp);
    }
    if (listen.metrics !== null) {
      const { server } = await add({ kind: 'metrics', loopback: isLoopback(listen.metrics.host) }, null);
      metricsPort = await listenOnTcp(server, listen.metrics);
    }
    await addSocket('lease', { path: leaseSocketPath, group: listen.socket.leaseGroup, groupKey: 'listen.socket.leaseGroup' });
    // ORDER: api.sock comes last, as it is what people take for "the daemon is there".
    await addSocket('admin', { path: socketPath, group: listen.socket.group, groupKey: 'listen.socket.group' });
  } catch (error) {
    await close(0);
    throw error;
  }
  return { socketPath, tcpPort, metricsPort, close };
}
