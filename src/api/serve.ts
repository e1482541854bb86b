/** All doors that the configuration opens. */
import { rmSync } from 'node:fs';
import type { DaemonSpec } from '../config/spec.ts';
import type { Door } from './auth.ts';
import type { Patience, Tls } from './http-server.ts';
import { LIMITS } from './limits.ts';
import type { SocketPlace } from './listen.ts';
import { isLoopback, listenOnSocket, listenOnTcp, tlsOf } from './listen.ts';
import type { ApiContext, ApiLog, ObserveRequest } from './ports.ts';
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
  /** Called once, when all doors are open and before anybody is answered. */
  readonly opening: () => void;
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
  const { listen, socketPath, leaseSocketPath, log, opening, patience = LIMITS } = options;
  const open: ApiServer[] = [];
  const sockets: string[] = [];
  const close = async (graceMs: number): Promise<void> => {
    for (const path of sockets) rmSync(path, { force: true });
    await Promise.all(open.map((one) => one.close(graceMs)));
  };
  const opened = Promise.withResolvers<void>();
  const made = async (door: Door, tls: Tls | null): Promise<ApiServer> => {
    const one = await createApiServer({ ...options, door, tls, patience, routes: ROUTES, opened: opened.promise });
    open.push(one);
    return one;
  };
  const listens = async ({ server }: ApiServer, place: Pick<SocketPlace, 'path' | 'group' | 'groupKey'>): Promise<void> => {
    await listenOnSocket(server, { ...place, mode: listen.socket.mode, warn: (message) => log.warn({}, message) });
    sockets.push(place.path);
  };
  let tcpPort: number | null = null;
  let metricsPort: number | null = null;
  try {
    const tcp = listen.tcp === null ? null : await made(tcpDoor(listen.tcp, log), tlsOf(listen.tcp));
    const metrics = listen.metrics === null ? null : await made({ kind: 'metrics', loopback: isLoopback(listen.metrics.host) }, null);
    const lease = await made({ kind: 'socket', role: 'lease' }, null);
    const admin = await made({ kind: 'socket', role: 'admin' }, null);
    if (listen.tcp !== null && tcp !== null) tcpPort = await listenOnTcp(tcp.server, listen.tcp);
    if (listen.metrics !== null && metrics !== null) metricsPort = await listenOnTcp(metrics.server, listen.metrics);
    await listens(lease, { path: leaseSocketPath, group: listen.socket.leaseGroup, groupKey: 'listen.socket.leaseGroup' });
    // ORDER: api.sock comes last, as it is what people take for "the daemon is there".
    await listens(admin, { path: socketPath, group: listen.socket.group, groupKey: 'listen.socket.group' });
    // ORDER: leases count their whole TTL from here, so nothing that takes time may come before somebody is answered.
    opening();
    opened.resolve();
  } catch (error) {
    await close(0);
    throw error;
  }
  return { socketPath, tcpPort, metricsPort, close };
}

function tcpDoor({ tokensFile, hosts }: NonNullable<DaemonSpec['listen']['tcp']>, log: ApiLog): Door {
  return { kind: 'tcp', tokens: new Tokens(tokensFile, (message) => log.error({}, message)), hosts };
}
