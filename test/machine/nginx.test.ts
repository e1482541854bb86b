/** A real engine: nginx, as config/examples/nginx.yaml has it. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { liveStat } from '../../src/engine/proc.ts';
import { endRigsAfterEach } from './each.ts';
import { Connection, freePort, nginxRig, writeNginxConf } from './real.ts';
import { killIfThere, needs, until } from './rig.ts';

endRigsAfterEach();
beforeAll(() => needs('nginx', 'nginx-light'));

const PAGE = 'kept alive by poold\n';

async function page(port: number, path = '/'): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).text();
}

describe('nginx under poold', { timeout: 60_000 }, () => {
  it('serves, and after SIGKILL of its master serves again, by a new tree', async () => {
    const { rig, port } = await nginxRig();
    await rig.start();
    const { pid } = await rig.reaches('web/0', 'ready');
    expect(await page(port)).toBe(PAGE);
    const before = rig.members('web/0');
    expect(before.length).toBeGreaterThan(1);
    killIfThere(pid ?? 0);
    await rig.reaches('web/0', 'ready', 1);
    expect(await page(port)).toBe(PAGE);
    // Its workers outlive the master and would hold the port.
    expect(before.filter((old) => liveStat(old) !== null)).toEqual([]);
    expect(await rig.ended('web/0', 1)).toMatchObject({ class: 'signal', signal: 'SIGKILL', failure: true });
    await rig.endsClean();
  });

  it('that hangs is noticed by its probes and replaced', async () => {
    const { rig, port } = await nginxRig();
    await rig.start();
    await rig.reaches('web/0', 'ready');
    const before = rig.members('web/0');
    for (const pid of before) killIfThere(pid, 'SIGSTOP');
    await rig.reaches('web/0', 'unready');
    await rig.reaches('web/0', 'ready', 1);
    expect(await page(port)).toBe(PAGE);
    expect(before.filter((old) => liveStat(old) !== null)).toEqual([]);
    expect(await rig.ended('web/0', 1)).toMatchObject({
      class: 'unhealthy',
      failure: true,
      message: expect.stringMatching(/^killed because its liveness probe failed: .*1000 ms/),
    });
    await rig.endsClean();
  });

  it('finishes what is under way when it is stopped', async () => {
    const { rig, port } = await nginxRig();
    writeNginxConf(rig, port, (conf) =>
      conf.replace('location / {', `location /slow { alias ${rig.path('big')}; limit_rate 1m; }\n    location / {`),
    );
    writeFileSync(rig.path('big'), Buffer.alloc(2 << 20, 'x'));
    await rig.start();
    await rig.reaches('web/0', 'ready');
    const slow = await fetch(`http://127.0.0.1:${port}/slow`);
    const stopped = rig.poolctl('stop', 'web');
    expect(stopped.code, stopped.stderr).toBe(0);
    expect((await slow.arrayBuffer()).byteLength).toBe(2 << 20);
    expect(await rig.ended('web/0', 1)).toMatchObject({ class: 'requested', code: 0, failure: false });
    await rig.poolReaches('web', 'stopped');
    expect(rig.processes()).toEqual([]);
    await rig.endsClean();
  });

  it('serves on when the daemon is killed: same pids, same connection, before and after the next one', async () => {
    const { rig, port } = await nginxRig();
    await rig.start();
    await rig.reaches('web/0', 'ready');
    const client = new Connection(port);
    const get = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n';
    await client.ask(get, /kept alive/);
    const before = rig.members('web/0');
    await rig.endDaemon('SIGKILL');
    await client.ask(get, /kept alive/);
    await rig.start();
    expect(await rig.reaches('web/0', 'ready')).toMatchObject({ generation: 1, lastExit: null });
    await client.ask(get, /kept alive/);
    expect(client.isOpen).toBe(true);
    expect(rig.members('web/0')).toEqual(before);
    client.close();
    await rig.endsClean();
  });
});

describe('nginx that is set up wrongly', { timeout: 60_000 }, () => {
  it('with a bad nginx.conf: bad_config in its own words, the breaker opens, and reset starts the mended one', async () => {
    const { rig, port } = await nginxRig((conf) => conf.replace('return 200', 'retrun 200'));
    await rig.start();
    const engine = await until('the breaker opens', async () => {
      const status = await rig.engine('web/0');
      return status.breaker === 'open' ? status : null;
    });
    expect(engine).toMatchObject({ state: 'backoff', reason: 'breaker_open', generation: 2, failures: 2 });
    expect(engine.lastExit).toMatchObject({ class: 'bad_config', code: 1, message: expect.stringContaining('unknown directive "retrun"') });
    expect(await rig.pool('web')).toMatchObject({
      state: 'failed',
      reason: 'breaker_open',
      breaker: { state: 'open', failures: 2 },
      crashCount: 2,
    });
    writeNginxConf(rig, port);
    const reset = rig.poolctl('reset', 'web');
    expect(reset.code, reset.stderr).toBe(0);
    await rig.reaches('web/0', 'ready');
    expect(await page(port)).toBe(PAGE);
    await rig.endsClean();
  });

  it('with a port that nginx itself finds taken: port_busy by its log, and no failure', async () => {
    const stranger = createServer().listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const address = stranger.address();
    const taken = typeof address === 'object' && address !== null ? address.port : 0;
    const { rig, port } = await nginxRig((conf) => conf.replace('server {', `server { listen 127.0.0.1:${taken}; }\n  server {`));
    await rig.start();
    const engine = await rig.reaches('web/0', 'backoff');
    expect(engine).toMatchObject({ reason: 'port_busy', failures: 0, breaker: 'closed', lastExit: { class: 'port_busy', code: 1 } });
    expect(engine.lastExit?.message).toContain(`bind() to 127.0.0.1:${taken} failed (98: Address already in use)`);
    expect(await rig.pool('web')).toMatchObject({ crashCount: 0, restartCount: 0 });
    expect(port).not.toBe(taken);
    stranger.close();
    await rig.endsClean();
  });

  it('with a port that poold finds taken: port_busy before any spawn, the stranger named', async () => {
    const { rig, port } = await nginxRig();
    const stranger = createServer().listen(port, '127.0.0.1');
    await once(stranger, 'listening');
    await rig.start();
    const engine = await rig.reaches('web/0', 'backoff');
    expect(engine).toMatchObject({
      reason: 'port_busy',
      failures: 0,
      message: expect.stringContaining(`port ${port} is held by pid ${process.pid} (`),
    });
    expect(rig.log('web/0').toString()).toBe('');
    stranger.close();
    await rig.endsClean();
  });

  it('without its program: spawn_failed, which the breaker counts', async () => {
    const command = ['nginx-that-is-not-there', '-g', 'daemon off;'];
    const { rig } = await nginxRig(undefined, { engine: { command, port: await freePort() } });
    await rig.start();
    const engine = await until('the breaker opens', async () => {
      const status = await rig.engine('web/0');
      return status.breaker === 'open' ? status : null;
    });
    expect(engine.lastExit).toMatchObject({
      class: 'spawn_failed',
      code: null,
      message: expect.stringMatching(/^cannot start web\/0: nginx-that-is-not-there/),
    });
    expect(rig.processes()).toEqual([]);
    expect(rig.leaves()).toEqual([]);
    await rig.endsClean();
  });
});
