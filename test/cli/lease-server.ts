/** What poold says over HTTP about leases, tickets, reloads and events, out of plain data: on a real socket, for poolctl as a process of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import type { Code } from '../../src/errors.ts';
import { CODES } from '../../src/errors.ts';
import type { Granted, LeaseStatus, TicketStatus, Waiter } from '../../src/lease/lease.ts';
import type { ReloadPlan } from '../../src/pool/host.ts';
import type { Operation, PoolStatus } from '../../src/pool/status.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: the tests say what is in it
  readonly body: any;
}

export interface Refusal {
  readonly code: Code;
  readonly detail: string;
  readonly reason?: string;
}

export const LEASE: Granted = {
  outcome: 'granted',
  id: 'ls-1',
  pool: 'chat',
  engine: { id: 'chat/0', url: 'http://127.0.0.1:20000', generation: 2 },
  slot: 1,
  token: '000000000003-000000000000007',
  ttlMs: 3_600_000,
  expiresAt: '2026-11-03T09:00:00.000Z',
  draining: false,
  deadlineAt: null,
};

export const TICKET: TicketStatus = {
  id: 'tk-12345678abcd',
  pool: 'chat',
  state: 'queued',
  holder: 'ann',
  priority: 5,
  waitedMs: 4_000,
  queuePosition: 3,
  estimatedWaitMs: 4_000,
  estimatedWaitP90Ms: 12_000,
  estimateBasis: 'history',
  draining: false,
  lease: null,
  error: null,
};

export const HELD: LeaseStatus = {
  id: 'ls-1',
  holder: 'ann',
  pool: 'chat',
  engine: LEASE.engine,
  slot: 1,
  bind: 'ttl',
  ttlMs: 30_000,
  grantedAt: '2026-11-03T08:00:00.000Z',
  heldMs: 192_000,
  renewals: 6,
  expiresAt: '2026-11-03T08:03:42.000Z',
  draining: false,
  deadlineAt: null,
  client: 'ann@pts/3',
};

const OPERATION: Operation = {
  id: 'op-1',
  kind: 'drain',
  pool: 'chat',
  state: 'running',
  outcome: null,
  steps: [],
  progress: { leasesLeft: 0, deadlineAt: null, candidate: null },
  error: null,
  by: 'ann@pts/3',
  reason: null,
  startedAt: '2026-11-03T08:00:00.000Z',
  endedAt: null,
};

export class LeaseServer {
  readonly directory = mkdtempSync(join(tmpdir(), 'poold-leases-'));
  readonly socketPath = join(this.directory, 'api.sock');
  readonly asked: Asked[] = [];
  lease: Granted = LEASE;
  /** How the lease has ended; null while it is held. */
  ended: Refusal | null = null;
  /** Instead of the grant. */
  refusal: Refusal | null = null;
  /** Instead of a grant, a place in the queue. */
  ticket: TicketStatus | null = null;
  /** Of the lease's engine. */
  drain: { readonly deadlineAt: string } | null = null;
  held: readonly LeaseStatus[] = [];
  waiters: readonly Waiter[] = [];
  pools: readonly PoolStatus[] = [];
  plan: ReloadPlan | null = null;
  /** The last of each log. */
  logLine = '';
  /** What becomes of whatever is begun. */
  operation: Operation = OPERATION;
  readonly #listeners = new Set<ServerResponse>();
  readonly #waiting = new Set<() => void>();
  #server: Server | null = null;

  /** How many follow the events. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** Requests of this method whose path ends so. */
  heard(method: string, ending: string): readonly Asked[] {
    return this.asked.filter((one) => one.method === method && one.path.endsWith(ending));
  }

  async listen(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.socketPath, resolve));
  }

  /** As a daemon that ends: every connection is cut, the socket is gone. */
  async away(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  async stop(): Promise<void> {
    await this.away();
    rmSync(this.directory, { recursive: true, force: true });
  }

  event(type: string, facts: Readonly<Record<string, unknown>>): void {
    const event = { cursor: '3:1', at: '2026-11-03T08:00:00.000Z', type, pool: 'chat', ...facts };
    for (const listener of this.#listeners) listener.write(`event: ${type}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  /** Whoever waits for a change of a ticket or an operation is answered. */
  change(changes: { readonly ticket?: Partial<TicketStatus>; readonly operation?: Partial<Operation> }): void {
    if (changes.ticket !== undefined) this.ticket = { ...(this.ticket ?? TICKET), ...changes.ticket };
    if (changes.operation !== undefined) this.operation = { ...this.operation, ...changes.operation };
    for (const wake of this.#waiting) wake();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    request.setEncoding('utf8');
    for await (const piece of request) text += piece;
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
    const asked: Asked = {
      method: request.method ?? '',
      path: pathname,
      query: Object.fromEntries(searchParams),
      headers: request.headers,
      body: text === '' ? null : JSON.parse(text),
    };
    this.asked.push(asked);
    if (pathname === '/v1/events') return this.#follow(response);
    const said = await this.#answer(asked);
    const problem = 'code' in said && 'detail' in said;
    const status = problem ? CODES[(said as Refusal).code].status : 200;
    response.writeHead(status, { 'content-type': problem ? 'application/problem+json' : 'application/json' });
    response.end(`${JSON.stringify(said)}\n`);
  }

  #follow(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    this.#listeners.add(response);
    response.on('close', () => this.#listeners.delete(response));
  }

  async #answer(asked: Asked): Promise<object> {
    const { path, method, query } = asked;
    const [, , kind = '', name = '', verb = ''] = path.split('/');
    if (kind === 'leases') return this.#ofLeases(`${method} ${name === '' ? '' : 'one'} ${verb}`.trim());
    if (kind === 'tickets' && method === 'DELETE') return this.#leave();
    if (kind === 'tickets') return this.#ticketOnceChanged(waitMsOf(query));
    if (kind === 'pools') return this.#ofPools(asked);
    if (kind === 'operations') return this.#operationOnceEnded(waitMsOf(query));
    return unknown('not_found');
  }

  #ofPools({ path, method, query, body }: Asked): object {
    const [, , , name = '', verb = ''] = path.split('/');
    if (name === '') return { items: this.pools };
    if (verb === 'logs') return { engine: `${name}/${query.replica}`, is: 'line', text: this.logLine };
    if (verb === 'queue') return { items: this.waiters };
    if (verb === 'leases') return this.#acquired();
    if (body?.dryRun === true) return this.plan ?? {};
    return method === 'POST' ? this.operation : (this.pools.find(({ pool }) => pool === name) ?? unknown('pool_not_found'));
  }

  #ofLeases(what: string): object {
    const { id, engine, ttlMs, expiresAt } = this.lease;
    switch (what) {
      case 'GET':
        return { items: this.held };
      case 'GET one':
        return this.ended ?? this.held[0] ?? {};
      case 'POST one renew':
        return (
          this.ended ?? {
            outcome: 'renewed',
            ...{ id, ttlMs, expiresAt, renewals: this.heard('POST', '/renew').length },
            ...{ draining: this.drain !== null, deadlineAt: this.drain?.deadlineAt ?? null },
          }
        );
      case 'POST one revoke':
        return this.held[0] ?? { id, engine };
      default: {
        const outcome = this.ended === null ? 'released' : 'already_ended';
        this.ended ??= { code: 'lease_ended', detail: `cannot find ${id}: it was released`, reason: 'released' };
        return { outcome };
      }
    }
  }

  #acquired(): object {
    if (this.refusal !== null) return this.refusal;
    if (this.ticket === null) return this.lease;
    const { state: _state, lease: _lease, error: _error, ...queued } = this.ticket;
    return { outcome: 'queued', ...queued };
  }

  #leave(): object {
    this.ticket = { ...(this.ticket ?? TICKET), state: 'left' };
    return this.ticket;
  }

  async #ticketOnceChanged(waitMs: number): Promise<object> {
    if (this.ticket?.state === 'queued') await this.#changed(waitMs);
    return this.ticket ?? unknown('ticket_not_found');
  }

  async #operationOnceEnded(waitMs: number): Promise<object> {
    if (this.operation.endedAt === null) await this.#changed(waitMs);
    return this.operation;
  }

  #changed(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = systemClock.after(waitMs, wake);
      this.#waiting.add(wake);
    });
  }
}

function waitMsOf({ wait }: Asked['query']): number {
  return wait === undefined ? 0 : Number.parseInt(wait, 10);
}

function unknown(code: Code): Refusal {
  return { code, detail: 'cannot find it' };
}
