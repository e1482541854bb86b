/** Engines that nobody here wrote, in use while they are replaced and taken away: nobody who uses one is cut off. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { pause, systemClock } from '../../src/clock.ts';
import { endRigsAfterEach } from './each.ts';
import { Connection, example } from './real.ts';
import type { Ran } from './rig.ts';
import { needs, Rig, ROOT, until } from './rig.ts';

endRigsAfterEach();
beforeAll(() => {
  needs('nginx', 'nginx-light');
  needs('wrk', 'wrk');
  needs('redis-server', 'redis-server');
});

const RELOADS = Number(process.env.POOLD_RELOADS ?? 100);
const LOOPS = 8;
/** wrk counts in whole seconds. */
const ROUND = '1s';

/** nginx on whatever port it is given: its configuration is written by a preflight command. */
function nginxRig(pool: Readonly<Record<string, unknown>>, location = 'return 200 "kept alive by poold\\n";'): Rig {
  const command = ['nginx', '-e', 'stderr', '-c', 'DIR/nginx/${port}.conf', '-g', 'daemon off;'];
  const rig = new Rig({
    web: {
      engine: { command, preflight: { command: ['sh', 'DIR/write-conf.sh', '${port}'] }, version: 'v1', stopSignal: 'SIGTERM' },
      probes: { startup: { httpGet: {}, period: '100ms' }, readiness: { httpGet: {}, period: '500ms' } },
      ...pool,
    },
  });
  // Its workers run as another user, who has to get through.
  chmodSync(rig.dir, 0o711);
  mkdirSync(rig.path('nginx'));
  const text = readFileSync(join(ROOT, 'config/examples/nginx.conf'), 'utf8');
  const maps = '  map $connections_writing $in_use { 1 0; default $connections_writing; }\n';
  const conf = text
    .replace('http {\n', `http {\n${maps}`)
    .replace('127.0.0.1:8080;', '127.0.0.1:PORT;\n    location /metrics { return 200 "nginx_in_use $in_use\\n"; }')
    .replace('return 200 "kept alive by poold\\n";', location)
    .replaceAll('/tmp/poold-example-nginx', rig.path('nginx/PORT'));
  writeFileSync(rig.path('template.conf'), conf);
  writeFileSync(rig.path('write-conf.sh'), `sed "s|PORT|$1|g" "${rig.path('template.conf')}" > "${rig.path('nginx')}/$1.conf"\n`);
  return rig;
}

/** `poolctl …` beside the test, to its end. */
function beside(rig: Rig, ...args: readonly string[]): Promise<Ran> {
  const words = [join(ROOT, 'bin/poolctl'), '--socket', rig.path('run/api.sock'), ...args];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  return new Promise((done) => child.once('close', (code) => done({ code, ...said })));
}

interface Loop {
  rounds: number;
  requests: number;
  readonly faults: string[];
}

/** Takes a lease and loads its engine for a second, again and again, until it is told to stop. */
async function loaded(rig: Rig, loop: Loop, over: () => boolean): Promise<void> {
  while (!over()) {
    const wrk = `exec wrk -t 1 -c 2 -d ${ROUND} "$POOLD_ENGINE_URL/"`;
    const { code, stdout, stderr } = await beside(rig, 'lease', 'exec', 'web', '--', 'sh', '-c', wrk);
    loop.rounds += 1;
    loop.requests += Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
    const failed = /Socket errors: .*|Non-2xx or 3xx responses: .*/.exec(stdout)?.[0];
    if (code !== 0 || failed !== undefined) loop.faults.push(`exit ${code}: ${failed ?? ''} ${stderr}`);
  }
}

describe('nginx in use', () => {
  it(`is replaced ${RELOADS} times by blue-green under ${LOOPS} loops of leased load: no failed request, no lease cut`, {
    timeout: 900_000,
  }, async () => {
    const rig = nginxRig({ replicas: 2, slots: 8, reload: { soak: '200ms' }, drain: { deadline: '30s' } });
    await rig.start();
    await rig.poolReaches('web', 'running');
    let over = false;
    const loops: Loop[] = Array.from({ length: LOOPS }, () => ({ rounds: 0, requests: 0, faults: [] }));
    const ended = Promise.all(loops.map((loop) => loaded(rig, loop, () => over)));
    for (let reload = 1; reload <= RELOADS; reload += 1) {
      const { code, stdout, stderr } = await beside(rig, 'reload', 'web', '--version', `v${reload + 1}`, '--output', 'json');
      expect(code, `reload ${reload}: ${stdout} ${stderr}`).toBe(0);
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ state: 'succeeded', outcome: 'reloaded' });
    }
    over = true;
    await ended;
    expect(loops.flatMap(({ faults }) => faults)).toEqual([]);
    for (const { rounds, requests } of loops) expect(Math.min(rounds, requests)).toBeGreaterThan(0);
    const { engines, activeLeases, engineVersion, crashCount } = await rig.pool('web');
    expect({ engines: engines.length, activeLeases, engineVersion, crashCount }).toEqual({
      engines: 2,
      activeLeases: 0,
      engineVersion: `v${RELOADS + 1}`,
      crashCount: 0,
    });
    expect(engines.map(({ id, generation }) => [id, generation])).toEqual([
      ['web/0', RELOADS + 1],
      ['web/1', RELOADS + 1],
    ]);
    const cut = /poold_lease_ended_total\{[^}]*how="(?!released)/.exec(await metrics(rig));
    expect(cut).toBeNull();
    await rig.endsClean();
  });

  it('is protected by its busy gauge alone: a drain waits for a download that took no lease', { timeout: 120_000 }, async () => {
    const bytes = 3 << 20;
    const rig = nginxRig(
      { inUse: { httpGet: { path: '/metrics' }, gauge: 'nginx_in_use', period: '100ms' }, drain: { deadline: '60s' } },
      'root FILES; try_files /big =404; limit_rate 1m;',
    );
    writeFileSync(rig.path('big'), Buffer.alloc(bytes, 'x'));
    writeFileSync(rig.path('template.conf'), readFileSync(rig.path('template.conf'), 'utf8').replace('FILES', rig.dir));
    await rig.start();
    const { url } = await rig.reaches('web/0', 'ready');
    const slow = await fetch(`${url}/`);
    await until('the gauge says that it is in use', async () => ((await rig.engine('web/0')).inUse ?? 0) > 0);
    const drain = beside(rig, 'drain', 'web', '--output', 'json');
    await rig.poolReaches('web', 'draining');
    expect((await slow.arrayBuffer()).byteLength).toBe(bytes);
    const { code, stdout } = await drain;
    expect(code, stdout).toBe(0);
    expect(await rig.pool('web')).toMatchObject({ state: 'drained', live: false });
    expect(await rig.ended('web/0', 1)).toMatchObject({ class: 'requested', failure: false });
    await rig.endsClean();
  });
});

describe('redis in use', { timeout: 120_000 }, () => {
  it('is drained with a slow client attached: it is served to its end, and only then redis goes', async () => {
    const rig = new Rig(example('redis', { pool: { slots: 4, drain: { deadline: '60s' } } }));
    await rig.start();
    const { url } = await rig.reaches('cache/0', 'ready');
    const port = Number(/:(\d+)$/.exec(url ?? '')?.[1]);
    const granted = await rig.client.leases.acquire('cache', { holder: 'slow', ttlMs: 60_000, waitMs: 0, priority: null, key: null });
    if (granted.outcome !== 'granted') throw new Error('no lease');
    const client = new Connection(port);
    await client.ask('SET slow 0\r\n', /^\+OK/);
    const drain = beside(rig, 'drain', 'cache', '--output', 'json');
    await rig.poolReaches('cache', 'draining');
    const refused = rig.poolctl('lease', 'acquire', 'cache', '--wait', '0s');
    expect(refused.code, refused.stderr).toBe(7);
    for (let turn = 1; turn <= 10; turn += 1) {
      await client.ask('INCR slow\r\n', new RegExp(`^:${turn}\\r`));
      await pause(systemClock, 50);
    }
    expect(await rig.engine('cache/0')).toMatchObject({ state: 'draining', activeLeases: 1 });
    const { id, token } = granted;
    expect(await rig.client.leases.release(id, { token, outcome: null })).toEqual({ outcome: 'released' });
    const { code, stdout } = await drain;
    expect(code, stdout).toBe(0);
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ kind: 'drain', outcome: 'drained' });
    expect(rig.processes()).toEqual([]);
    await rig.endsClean();
  });

  it('is taken from a client that never lets go at the deadline, and who that was is told', async () => {
    const rig = new Rig(example('redis', { pool: { slots: 4 } }));
    await rig.start();
    await rig.reaches('cache/0', 'ready');
    await rig.client.leases.acquire('cache', { holder: 'stubborn', ttlMs: 60_000, waitMs: 0, priority: null, key: null });
    const { code, stdout } = await beside(rig, 'drain', 'cache', '--deadline', '1s', '--output', 'json');
    expect(code, stdout).toBe(4);
    const operation = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { outcome: string; steps: { text: string }[] };
    expect(operation.outcome).toBe('forced');
    expect(operation.steps.map(({ text }) => text).join('\n')).toMatch(/cut stubborn, who had held cache\/0 for \d+ s/);
    await rig.endsClean();
  });
});

function metrics(rig: Rig): Promise<string> {
  return new Promise((told, failed) => {
    const asked = request({ socketPath: rig.path('run/api.sock'), path: '/metrics', headers: { host: 'localhost' } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      answer.once('end', () => told(text));
    });
    asked.once('error', failed).end();
  });
}
