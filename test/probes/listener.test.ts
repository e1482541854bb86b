import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listenerIs } from '../../src/engine/probes/listener.ts';
import { freePort, serve } from './servers.ts';

const OTHER = `
const server = require('node:net').createServer().listen(0, process.argv[1], () => console.log(server.address().port));
`;

async function otherProcess(host: string): Promise<{ pid: number; port: number }> {
  const child = spawn(process.execPath, ['-e', OTHER, host], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const [said] = await once(child.stdout, 'data');
  return { pid: child.pid ?? 0, port: Number(String(said)) };
}

describe('whose listener it is', () => {
  it.each(['127.0.0.1', '0.0.0.0', '::', '::1'])('tells ours from a stranger on %s', async (bound) => {
    const other = await otherProcess(bound);
    const host = bound === '::1' ? '::1' : '127.0.0.1';
    expect(await listenerIs([process.pid, other.pid], host, other.port)).toBe('ours');
    expect(await listenerIs([process.pid], host, other.port)).toBe('foreign');
    expect(await listenerIs([], host, other.port)).toBe('unknown');
  });

  it('knows nothing of a port where nobody listens, or listens elsewhere', async () => {
    expect(await listenerIs([process.pid], '127.0.0.1', await freePort())).toBe('unknown');
    const { port } = await serve(() => {}, '127.0.0.1');
    expect(await listenerIs([process.pid], '127.0.0.2', port)).toBe('unknown');
    expect(await listenerIs([process.pid], 'localhost', port)).toBe('ours');
  });

  it('a process that has gone holds nothing', async () => {
    const other = await otherProcess('127.0.0.1');
    expect(await listenerIs([2 ** 22 + 1], '127.0.0.1', other.port)).toBe('foreign');
  });
});
