/** A daemon with all doors open, an engine that is only asked, one that anything may be done to, and one that nobody speaks of. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { NetConnectOpts } from 'node:net';
import type { Role } from '../../src/api/roles.ts';
import { ROLES } from '../../src/api/roles.ts';
import { createToken } from '../../src/api/tokens.ts';
import { portsOfThisWorker, Rig } from '../machine/rig.ts';
import { CANARY } from './raw-bytes.ts';
import type { Door } from './requests.ts';
import { BUSY, QUIET } from './requests.ts';

const SLEEPS = { engine: { command: ['sleep', '1000000'] }, readyAfter: '10ms', backoff: { delay: '10ms', limit: '100ms' } };

export interface HostileRig {
  readonly rig: Rig;
  readonly place: (door: Door) => NetConnectOpts;
  /** The field of this door, or none. */
  readonly authorization: (door: Door) => string | null;
}

export function hostileRig(): HostileRig {
  const [from, to] = portsOfThisWorker();
  const rig = new Rig(
    {
      [QUIET]: {
        engine: { command: ['ENGINES/http-engine.mjs', '${port}'] },
        replicas: 2,
        slots: 4,
        readyAfter: '10ms',
        probes: { readiness: { httpGet: { path: '/health' }, period: '500ms', timeout: '5s' } },
        inUse: { httpGet: { path: '/metrics' }, gauge: 'demo:requests_processing', period: '500ms' },
        leases: { ttl: '1s', ttlMax: '5s' },
        queue: { limit: 50, timeout: '1s', claim: '500ms' },
      },
      [BUSY]: {
        ...SLEEPS,
        engine: { command: ['sh', '-c', 'exec sleep 1000000', '${vars.note}'], vars: { note: 'x' }, settable: { note: '^[^]*$' } },
        replicas: 2,
        slots: 2,
        leases: { ttl: '1s', ttlMax: '5s' },
        queue: { limit: 20, timeout: '1s', claim: '500ms' },
        drain: { deadline: '100ms' },
        reload: { soak: '10ms' },
        stop: { timeout: '500ms' },
      },
      [CANARY]: SLEEPS,
    },
    {
      ports: [from, to - 2],
      listen: { tcp: { host: '127.0.0.1', port: to - 1, tokensFile: 'DIR/tokens' }, metrics: { host: '127.0.0.1', port: to } },
    },
  );
  const tokens = tokensIn(rig.path('tokens'));
  return {
    rig,
    place: (door) => {
      if (door === 'api' || door === 'lease') return { path: rig.path('run', `${door}.sock`) };
      return { host: '127.0.0.1', port: door === 'metrics' ? to : to - 1 };
    },
    authorization: (door) => {
      if (door === 'tcp stranger') return `Bearer ${'x'.repeat(43)}`;
      const token = tokens.get(door.replace('tcp ', '') as Role);
      return door.startsWith('tcp ') && token !== undefined ? `Bearer ${token}` : null;
    },
  };
}

export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024;
}

export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Lines of the daemon's log that say that something of it is broken. */
export function faultLines(rig: Rig): string[] {
  return rig
    .daemonLog()
    .split('\n')
    .filter((line) => /a fault of poold|cannot answer a request|cannot go on with a stream|Warning:|unhandled/i.test(line));
}

function tokensIn(file: string): ReadonlyMap<Role, string> {
  writeFileSync(file, '', { mode: 0o600 });
  return new Map(ROLES.map((role) => [role, createToken({ file, id: `the-${role}`, role, expiresMs: null })]));
}
