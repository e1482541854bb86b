import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { EngineContext } from '../../src/engine/environment.ts';
import { engineEnvironment, expandAll } from '../../src/engine/environment.ts';
import { instanceOf, refOf } from '../../src/engine/instance.ts';
import { parseWord } from '../../src/engine/launcher.ts';
import { endOf } from '../../src/engine/signals.ts';
import { templateValues } from '../../src/engine/url.ts';
import { poolSpec } from './pool-spec.ts';

const dir = mkdtempSync(join(tmpdir(), 'poold-environment-'));
afterAll(() => rmSync(dir, { recursive: true }));

function context(more: Partial<EngineContext> = {}): EngineContext {
  const ref = { pool: 'chat', replica: 1, generation: 7 };
  const nothing = { port: null, device: null, user: null, tmpDir: null, notifySocket: null, inherited: {} };
  return { ref, instance: 'i', spec: poolSpec({ vars: { model: '/models/a.gguf' } }), ...nothing, ...more };
}

describe('templates', () => {
  it('stand for what the contract says', () => {
    const values = templateValues(context({ port: 20_001, device: '0,1' }));
    const words = ['${port}', '${host}', '${slots}', '${devices}', '${pool}', '${replica}', '${generation}', '${vars.model}', '$${port}'];
    expect(expandAll(words, values)).toEqual(['20001', '127.0.0.1', '4', '0,1', 'chat', '1', '7', '/models/a.gguf', '${port}']);
  });

  it('are empty for a port or device that there is not', () => {
    expect(expandAll(['[${port}${devices}]'], templateValues(context()))).toEqual(['[]']);
  });
});

describe('an environment', () => {
  it('has a PATH and a HOME even where the daemon has none', () => {
    expect(engineEnvironment(context())).toEqual({
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: '/',
        POOLD_INSTANCE: 'i',
        POOLD_POOL: 'chat',
        POOLD_REPLICA: '1',
        POOLD_GENERATION: '7',
      },
    });
  });

  it('is the pool’s to set, but for the marks', () => {
    const spec = poolSpec({ env: { PATH: '/opt/bin', HOME: '/srv', TMPDIR: '/fast', POOLD_INSTANCE: 'another', POOLD_POOL: 'another' } });
    const user = { name: 'chat', uid: 1, gid: 1, home: '/home/chat' };
    expect(engineEnvironment(context({ spec, user, tmpDir: '/state/tmp', inherited: { PATH: '/bin', HOME: '/root' } }))).toMatchObject({
      env: { PATH: '/opt/bin', HOME: '/srv', TMPDIR: '/fast', POOLD_INSTANCE: 'i', POOLD_POOL: 'chat' },
    });
    expect(engineEnvironment(context({ user, inherited: { HOME: '/root' } }))).toMatchObject({ env: { HOME: '/home/chat' } });
  });

  it('never shows a secret that it could not read', () => {
    const file = join(dir, 'secret');
    const spec = poolSpec({ envFrom: { TOKEN: { file } } });
    writeFileSync(file, 'hunter2\r\n');
    expect(engineEnvironment(context({ spec }))).toMatchObject({ env: { TOKEN: 'hunter2' } });
    writeFileSync(file, 'hunter2\0');
    expect(engineEnvironment(context({ spec }))).toEqual({ problem: `cannot read envFrom.TOKEN: ${file} holds a NUL byte` });
    writeFileSync(file, 'x'.repeat(65_537));
    expect(engineEnvironment(context({ spec }))).toEqual({ problem: `cannot read envFrom.TOKEN: ${file} is larger than 64 KiB` });
    rmSync(file);
    execFileSync('mkfifo', [file]);
    expect(engineEnvironment(context({ spec }))).toEqual({ problem: `cannot read envFrom.TOKEN: ${file} is no regular file` });
  });
});

it('an instance names its generation, whatever dashes and digits a pool’s name has', () => {
  for (const pool of ['a', 'a-1', '0-0-0', 'chat-2-3']) {
    const ref = { pool, replica: 12, generation: 345 };
    expect(refOf('state-1', instanceOf('state-1', ref))).toEqual(ref);
  }
  for (const foreign of ['state-2-chat-0-1', 'state-1-chat', 'state-1-Chat-0-1', 'state-1-chat-0-', 'state-1']) {
    expect(refOf('state-1', foreign)).toBeNull();
  }
});

it('a launcher’s word is one whole line or nothing', () => {
  expect(parseWord('started 12 345 openFiles\n')).toEqual({ is: 'started', pid: 12, startTicks: 345, lost: ['openFiles'] });
  expect(parseWord('refused cgroup\n')).toEqual({ is: 'refused', lost: ['cgroup'] });
  for (const noise of ['', 'started', 'started 1 2', 'started x y', 'sh: cannot fork']) expect(parseWord(noise)).toBeNull();
});

it('a shell’s code above 128 is a signal where there is one', () => {
  expect(endOf(137)).toEqual({ code: null, signal: 'SIGKILL' });
  expect(endOf(134)).toEqual({ code: null, signal: 'SIGABRT' });
  expect(endOf(128)).toEqual({ code: 128, signal: null });
  expect(endOf(255)).toEqual({ code: 255, signal: null });
});
