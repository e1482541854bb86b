/** A real engine: redis-server, as config/examples/redis.yaml has it. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EngineStatus } from '../../src/pool/status.ts';
import { endRigsAfterEach } from './each.ts';
import type { Change } from './real.ts';
import { Connection, example } from './real.ts';
import { killIfThere, needs, Rig, until } from './rig.ts';

endRigsAfterEach();
beforeAll(() => needs('redis-server', 'redis-server'));

/** Not daemonised by Debian's file, as the example names none. */
function redisRig(change: Change = {}): Rig {
  return new Rig(example('redis', change));
}

async function ready(rig: Rig, aboveGeneration = 0): Promise<EngineStatus & { readonly port: number }> {
  const engine = await rig.reaches('cache/0', 'ready', aboveGeneration);
  return { ...engine, port: Number(/^redis:\/\/127\.0\.0\.1:(\d+)$/.exec(engine.url ?? '')?.[1]) };
}

async function expectServing(port: number): Promise<void> {
  const client = new Connection(port);
  await client.ask('PING\r\n', /^\+PONG/);
  client.close();
}

describe('redis under poold', { timeout: 60_000 }, () => {
  it('serves, and serves again on the same port after SIGKILL', async () => {
    const rig = redisRig();
    await rig.start();
    const { pid, port } = await ready(rig);
    await expectServing(port);
    killIfThere(pid ?? 0);
    const again = await ready(rig, 1);
    expect(again.port).toBe(port);
    await expectServing(port);
    expect(await rig.ended('cache/0', 1)).toMatchObject({ class: 'signal', signal: 'SIGKILL', failure: true });
    await rig.endsClean();
  });

  it('that hangs is noticed by its probes and replaced', async () => {
    const rig = redisRig();
    await rig.start();
    const { pid } = await ready(rig);
    killIfThere(pid ?? 0, 'SIGSTOP');
    await rig.reaches('cache/0', 'unready');
    await expectServing((await ready(rig, 1)).port);
    expect(await rig.ended('cache/0', 1)).toMatchObject({
      class: 'unhealthy',
      failure: true,
      message: expect.stringMatching(/^killed because its liveness probe failed: .*not done within 1000 ms/),
    });
    await rig.endsClean();
  });

  it('ends in its own way when it is stopped', async () => {
    const rig = redisRig();
    await rig.start();
    await ready(rig);
    const stopped = rig.poolctl('stop', 'cache');
    expect(stopped.code, stopped.stderr).toBe(0);
    const entry = await rig.ended('cache/0', 1);
    expect(entry).toMatchObject({ class: 'requested', code: 0, failure: false });
    expect(entry.lastLines.at(-1)).toContain('Redis is now ready to exit, bye bye');
    expect(rig.processes()).toEqual([]);
    await rig.endsClean();
  });

  it('serves on when the daemon is killed: same pid, same connection, same data', async () => {
    const rig = redisRig();
    await rig.start();
    const { pid, port } = await ready(rig);
    const client = new Connection(port);
    await client.ask('SET kept alive\r\n', /^\+OK/);
    await rig.endDaemon('SIGKILL');
    await client.ask('GET kept\r\n', /alive/);
    await rig.start();
    expect(await ready(rig)).toMatchObject({ pid, generation: 1, lastExit: null });
    await client.ask('GET kept\r\n', /alive/);
    expect(client.isOpen).toBe(true);
    client.close();
    await rig.endsClean();
  });
});

describe('redis that is set up wrongly', { timeout: 60_000 }, () => {
  it('with a bad setting: bad_config in its own words, and the breaker opens', async () => {
    const rig = redisRig({ words: ['--maxmemory', 'plenty'] });
    await rig.start();
    const engine = await until('the breaker opens', async () => {
      const status = await rig.engine('cache/0');
      return status.breaker === 'open' ? status : null;
    });
    expect(engine).toMatchObject({ state: 'backoff', reason: 'breaker_open', generation: 2 });
    expect(engine.lastExit).toMatchObject({ class: 'bad_config', code: 1, message: expect.stringContaining('FATAL CONFIG FILE ERROR') });
    expect(await rig.pool('cache')).toMatchObject({ state: 'failed', crashCount: 2 });
    await rig.endsClean();
  });

  it('with a port that redis itself finds taken: port_busy by its log, and no failure', async () => {
    const stranger = createServer().listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const address = stranger.address();
    const taken = typeof address === 'object' && address !== null ? address.port : 0;
    const rig = redisRig({ words: ['--port', String(taken)] });
    await rig.start();
    await until('it has found its port taken', async () => (await rig.engine('cache/0')).lastExit !== null);
    const entry = await rig.ended('cache/0', 1);
    expect(entry).toMatchObject({
      class: 'port_busy',
      code: 1,
      failure: false,
      matchedLine: expect.stringContaining('bind: Address already in use'),
    });
    expect(await rig.pool('cache')).toMatchObject({ crashCount: 0, breaker: { state: 'closed', failures: 0 } });
    stranger.close();
    await rig.endsClean();
  });

  it('without its program: spawn_failed, which the breaker counts', async () => {
    const rig = redisRig({ pool: { engine: { command: ['/opt/none/redis-server'] } } });
    await rig.start();
    const engine = await until('the breaker opens', async () => {
      const status = await rig.engine('cache/0');
      return status.breaker === 'open' ? status : null;
    });
    expect(engine.lastExit).toMatchObject({ class: 'spawn_failed', message: expect.stringContaining('/opt/none/redis-server') });
    await rig.endsClean();
  });
});
