/** A served API on real sockets, and a client that says exactly what the test wants said. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Agent } from 'node:http';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Role } from '../../src/api/roles.ts';
import { ROLES } from '../../src/api/roles.ts';
import type { ServeOptions, Serving } from '../../src/api/serve.ts';
import { serve } from '../../src/api/serve.ts';
import { createToken } from '../../src/api/tokens.ts';
import { systemClock } from '../../src/clock.ts';
import { DataHost, pool } from './host.ts';

export interface Served {
  readonly host: DataHost;
  readonly serving: Serving;
  readonly directory: string;
  readonly socketPath: string;
  readonly leaseSocketPath: string;
  readonly tokensFile: string;
  readonly tokens: Readonly<Record<Role, string>>;
  /** What the API wrote to the daemon's log. */
  readonly logged: { readonly level: 'warn' | 'error'; readonly message: string; readonly facts: Readonly<Record<string, unknown>> }[];
  readonly observed: { readonly route: string; readonly status: number }[];
  stop(): Promise<void>;
}

export async function served(
  listen: Partial<ServeOptions['listen']> & { readonly withTcp?: boolean; readonly patience?: ServeOptions['patience'] } = {},
): Promise<Served> {
  const directory = mkdtempSync(join(tmpdir(), 'poold-api-'));
  const socketPath = join(directory, 'api.sock');
  const leaseSocketPath = join(directory, 'lease.sock');
  const tokensFile = join(directory, 'tokens');
  writeFileSync(tokensFile, '', { mode: 0o600 });
  chmodSync(tokensFile, 0o600);
  const tokens = Object.fromEntries(
    ROLES.map((role) => [role, createToken({ file: tokensFile, id: `the-${role}`, role, expiresMs: null })]),
  ) as Record<Role, string>;
  const host = new DataHost();
  host.poolsByName.set('chat', pool('chat'));
  const logged: Served['logged'] = [];
  const observed: Served['observed'] = [];
  const { withTcp, patience, ...rest } = listen;
  const serving = await serve({
    listen: {
      socket: { mode: 0o660, group: null, leaseGroup: null },
      tcp: withTcp ? { host: '127.0.0.1', port: 0, tokensFile, hosts: ['gpu1.internal'], tls: null } : null,
      metrics: null,
      ...rest,
    },
    socketPath,
    leaseSocketPath,
    ...(patience === undefined ? {} : { patience }),
    context: { host, clock: systemClock, events: host.feed, metricsText: async () => 'poold_build_info 1\n' },
    log: {
      warn: (facts, message) => logged.push({ level: 'warn', facts, message }),
      error: (facts, message) => logged.push({ level: 'error', facts, message }),
    },
    observeRequest: (route, status) => observed.push({ route, status }),
    opening: () => {},
  }).catch((error: unknown) => {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  });
  return {
    host,
    serving,
    directory,
    socketPath,
    leaseSocketPath,
    tokensFile,
    tokens,
    logged,
    observed,
    async stop() {
      await serving.close(100);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly port?: number | null;
  /** Instead of api.sock. */
  readonly socketPath?: string;
  /** Hangs up. */
  readonly signal?: AbortSignal;
  /** Keeps connections; unset: a fresh one. */
  readonly agent?: Agent;
}

export interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests say what is in it
  readonly json: any;
}

/** One request: to api.sock, or to `port` on loopback. */
export function ask(
  at: Served,
  { method = 'GET', path, headers = {}, body, port, socketPath = at.socketPath, signal, agent }: Asked,
): Promise<Told> {
  const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...(port === undefined || port === null ? { socketPath } : { host: '127.0.0.1', port }),
        method,
        path,
        agent: agent ?? false,
        signal,
        headers: { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      },
      (answer) => {
        let got = '';
        answer.setEncoding('utf8');
        answer.on('data', (piece: string) => {
          got += piece;
        });
        answer.on('error', reject);
        answer.on('end', () => {
          const type = String(answer.headers['content-type'] ?? '');
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            text: got,
            json: /\/(problem\+)?json(;|$)/.test(type) && got !== '' ? JSON.parse(got) : null,
          });
        });
      },
    );
    sent.on('error', reject);
    sent.end(text);
  });
}

/** Writes bytes as they are, to api.sock or to `port` on loopback, and gives back all that comes until the server hangs up. */
export function raw(
  at: Served,
  bytes: string | Buffer,
  options: { readonly end?: boolean; readonly port?: number | null } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = typeof options.port === 'number' ? connect(options.port, '127.0.0.1') : connect(at.socketPath);
    let got = '';
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => {
      got += piece;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => (got === '' ? reject(error) : resolve(got)));
    socket.on('close', () => resolve(got));
    if (options.end) socket.end(bytes);
    else socket.write(bytes);
  });
}

/** Polls a fact until it holds. */
export async function until(what: string, holds: () => boolean, limitMs = 5_000): Promise<void> {
  const endMs = systemClock.nowMs() + limitMs;
  while (!holds()) {
    if (systemClock.nowMs() > endMs) throw new Error(`waited ${limitMs} ms in vain until ${what}`);
    await new Promise<void>((resolve) => systemClock.after(5, resolve));
  }
}
