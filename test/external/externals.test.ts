import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { systemClock } from '../../src/clock.ts';
import type { PoolSpec, ProbeSpec } from '../../src/config/spec.ts';
import { Externals } from '../../src/engine/external/externals.ts';
import { openExternals } from '../../src/engine/external/open-externals.ts';
import type { Happening } from '../../src/events/event.ts';
import { poolSpec } from '../engine/pool-spec.ts';
import { answers, freePort, serve } from '../probes/servers.ts';
import { announce, handoffDirectory, OWNERS } from './files.ts';

const health: ProbeSpec = {
  action: { by: 'httpGet', path: '/health', port: '${port}', headers: {} },
  ...{ periodMs: 20, timeoutMs: 2_000, successThreshold: 1, failureThreshold: 2 },
};

function chat(readiness: ProbeSpec | null): PoolSpec {
  const spec = poolSpec({});
  return { ...spec, probes: { ...spec.probes, readiness } };
}

async function opened(directory: string, { readiness = null, clock = systemClock }: { readiness?: ProbeSpec | null; clock?: Clock } = {}) {
  const happened: Happening[] = [];
  const warnings: string[] = [];
  const externals = new Externals({
    clock,
    directory,
    owners: OWNERS,
    specOf: (pool) => (pool === 'chat' ? chat(readiness) : null),
    publish: (happening) => happened.push(happening),
    warn: (_, message) => warnings.push(message),
  });
  onTestFinished(() => externals.close());
  await externals.open();
  const becomes = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 10 });
  const types = () => happened.map(({ type, engine, generation }) => `${type} ${engine}#${generation}`);
  return { externals, happened, warnings, becomes, types };
}

describe('an announced engine', () => {
  it('is there at once, and ready when a connection is accepted', async () => {
    const directory = handoffDirectory();
    const { port } = await serve(answers('ok'));
    announce(directory, 'vllm', { pool: 'chat', url: `http://127.0.0.1:${port}`, pid: 4711, version: 'v7', devices: '2' });
    const { externals, becomes, happened } = await opened(directory);
    expect(externals.of('chat')).toMatchObject([
      { id: 'chat/external:vllm', generation: 1, state: 'external', live: false, pid: 4711, version: 'v7', device: '2', failures: 0 },
    ]);
    expect(externals.of('another')).toEqual([]);
    await becomes(() => expect(externals.of('chat')[0]).toMatchObject({ ready: true, reason: null, url: `http://127.0.0.1:${port}` }));
    expect(externals.of('chat')[0]?.readyAt).toMatch(/Z$/);
    expect(happened).toMatchObject([
      {
        type: 'engine.ready',
        pool: 'chat',
        engine: 'chat/external:vllm',
        generation: 1,
        facts: { external: true, url: `http://127.0.0.1:${port}` },
      },
    ]);
  });

  it('is asked by the readiness probe of its pool, at its own port, by its thresholds', async () => {
    const directory = handoffDirectory();
    let status = 503;
    const { port } = await serve((socket) => {
      socket.end(`HTTP/1.1 ${status} x\r\ncontent-length: 0\r\n\r\n`);
    });
    const { externals, becomes, types } = await opened(directory, { readiness: health });
    announce(directory, 'vllm', { pool: 'chat', url: `http://127.0.0.1:${port}` });
    await becomes(() =>
      expect(externals.of('chat')[0]).toMatchObject({ ready: false, reason: 'unready', message: expect.stringMatching(/answered 503/) }),
    );
    status = 200;
    await becomes(() => expect(externals.of('chat')[0]?.ready).toBe(true));
    status = 500;
    await becomes(() => expect(externals.of('chat')[0]?.ready).toBe(false));
    expect(types()).toEqual(['engine.unready', 'engine.ready', 'engine.unready'].map((type) => `${type} chat/external:vllm#1`));
  });

  it('gets no command run for it', async () => {
    const directory = handoffDirectory();
    const { port } = await serve(answers('ok'));
    const exec: ProbeSpec = { ...health, action: { by: 'exec', command: ['touch', join(directory, 'ran')] } };
    announce(directory, 'vllm', { pool: 'chat', url: `https://127.0.0.1:${port}` });
    const { externals, becomes } = await opened(directory, { readiness: exec });
    await becomes(() =>
      expect(externals.of('chat')[0]).toMatchObject({ ready: true, message: expect.stringMatching(/accepts connections$/) }),
    );
    expect(() => rmSync(join(directory, 'ran'))).toThrow('ENOENT');
  });

  it('goes with its file, and with another url it is another engine', async () => {
    const directory = handoffDirectory();
    const [one, other] = [await serve(answers('ok')), await serve(answers('ok'))];
    const { externals, becomes, types, happened } = await opened(directory);
    announce(directory, 'vllm', { pool: 'chat', url: `http://127.0.0.1:${one.port}` });
    await becomes(() => expect(externals.of('chat')[0]).toMatchObject({ ready: true, generation: 1 }));
    announce(directory, 'vllm', { pool: 'chat', url: `http://127.0.0.1:${one.port}` });
    announce(directory, 'vllm', { pool: 'chat', url: `http://127.0.0.1:${other.port}` });
    await becomes(() =>
      expect(externals.of('chat')[0]).toMatchObject({ ready: true, generation: 2, url: `http://127.0.0.1:${other.port}` }),
    );
    rmSync(join(directory, 'vllm.json'));
    await becomes(() => expect(externals.of('chat')).toEqual([]));
    expect(types()).toEqual([
      'engine.ready chat/external:vllm#1',
      'engine.stopped chat/external:vllm#1',
      'engine.ready chat/external:vllm#2',
      'engine.stopped chat/external:vllm#2',
    ]);
    expect(happened.map(({ facts }) => facts.message)).toMatchObject([
      expect.stringMatching(/accepts connections$/),
      'its handoff file tells of another engine now',
      expect.stringMatching(/accepts connections$/),
      'its handoff file was removed',
    ]);
  });

  it('stands while its file is being written anew, and not when it stays nonsense', async () => {
    const directory = handoffDirectory();
    const { port } = await serve(answers('ok'));
    let stoodStill = 0;
    const clock = { ...systemClock, nowMs: () => (stoodStill === 0 ? systemClock.nowMs() : stoodStill) };
    const { externals, becomes, warnings } = await opened(directory, { clock });
    const path = join(directory, 'vllm.json');
    announce(directory, 'vllm', { pool: 'chat', url: `http://127.0.0.1:${port}` });
    await becomes(() => expect(externals.of('chat')[0]?.ready).toBe(true));
    // Half of it, in place: whoever sees the file that came behind it has seen that.
    stoodStill = systemClock.nowMs();
    writeFileSync(path, '{"pool":"chat",');
    announce(directory, 'marker', { pool: 'chat', url: `http://127.0.0.1:${await freePort()}` });
    await becomes(() => expect(externals.of('chat').length).toBe(2));
    expect(externals.of('chat')[0]).toMatchObject({ id: 'chat/external:vllm', ready: true, generation: 1 });
    stoodStill = 0;
    await becomes(() => expect(externals.of('chat').map(({ id }) => id)).toEqual(['chat/external:marker']));
    expect(warnings).toEqual([`cannot take the external engine of ${path}: it is not JSON`]);
  });

  it('of an unknown pool is told once', async () => {
    const directory = handoffDirectory();
    announce(directory, 'lost', { pool: 'nowhere', url: 'http://127.0.0.1:1' });
    const { externals, becomes, warnings } = await opened(directory);
    await becomes(() => expect(warnings.length).toBe(1));
    announce(directory, 'lost', { pool: 'nowhere', url: 'http://127.0.0.1:2' });
    announce(directory, 'found', { pool: 'chat', url: 'http://127.0.0.1:3' });
    await becomes(() => expect(externals.of('chat').length).toBe(1));
    expect(warnings).toEqual([`cannot take the external engine of ${directory}/lost.json: there is no pool nowhere`]);
    expect(externals.of('nowhere')).toEqual([]);
  });

  it('is asked no more once all is over', async () => {
    const directory = handoffDirectory();
    let asked = 0;
    const { port } = await serve((socket) => {
      asked += 1;
      socket.end('HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n');
    });
    announce(directory, 'vllm', { pool: 'chat', url: `http://127.0.0.1:${port}` });
    const { externals, becomes, happened } = await opened(directory, { readiness: health });
    await becomes(() => expect(asked).toBeGreaterThan(2));
    const count = happened.length;
    externals.close();
    expect(externals.of('chat')).toEqual([]);
    expect(happened.length).toBe(count);
  });
});

describe('the directory', () => {
  it('may be replaced by another', async () => {
    const directory = handoffDirectory();
    announce(directory, 'one', { pool: 'chat', url: 'http://127.0.0.1:1' });
    const { externals, becomes } = await opened(directory);
    renameSync(directory, `${directory}.old`);
    onTestFinished(() => rmSync(`${directory}.old`, { recursive: true }));
    mkdirSync(directory);
    await becomes(() => expect(externals.of('chat')).toEqual([]));
    announce(directory, 'two', { pool: 'chat', url: 'http://127.0.0.1:2' });
    await becomes(() => expect(externals.of('chat').map(({ id }) => id)).toEqual(['chat/external:two']));
  });

  it('that is not there yet is told once', async () => {
    const directory = join(handoffDirectory(), 'later');
    // Nothing tells that it was made: it is looked for from time to time, here more often.
    const clock: Clock = { ...systemClock, after: (delayMs, fire) => systemClock.after(Math.min(delayMs, 50), fire) };
    const { externals, warnings, becomes } = await opened(directory, { clock });
    expect(warnings).toEqual([
      `cannot see all external engines in ${directory}: there is no such directory: make it, or take handoff.external away`,
    ]);
    mkdirSync(directory);
    announce(directory, 'one', { pool: 'chat', url: 'http://127.0.0.1:1' });
    await becomes(() => expect(externals.of('chat').length).toBe(1));
    expect(warnings.length).toBe(1);
  });
});

describe('the configuration', () => {
  const rest = { clock: systemClock, specOf: () => chat(null), publish: () => {} };

  it('asks for none unless it names a directory of its own', async () => {
    const warnings: string[] = [];
    const parts = { ...rest, warn: (_: unknown, message: string) => warnings.push(message), ownDirectory: '/run/poold/engines' };
    expect(await openExternals({ ...parts, handoff: { external: null, allowUsers: [] } })).toBeNull();
    expect(await openExternals({ ...parts, handoff: { external: '/run/poold/engines/', allowUsers: [] } })).toBeNull();
    expect(warnings).toEqual([expect.stringMatching(/^cannot take external engines from .*: poold's own handoff files lie there/)]);
  });

  it('names users that there are', async () => {
    const warnings: string[] = [];
    const directory = handoffDirectory();
    announce(directory, 'one', { pool: 'chat', url: 'http://127.0.0.1:1' });
    const externals = await openExternals({
      ...rest,
      warn: (_, message) => warnings.push(message),
      ownDirectory: '/run/poold/engines',
      handoff: { external: directory, allowUsers: ['nobody', 'no-such-user'] },
    });
    onTestFinished(() => externals?.close());
    expect(externals?.of('chat').length).toBe(1);
    expect(warnings).toEqual(['cannot allow no-such-user to announce engines: there is no such user; make it and start poold again']);
  });
});
