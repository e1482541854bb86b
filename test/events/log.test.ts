import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createBus } from '../../src/events/bus.ts';
import type { EventType, Fact } from '../../src/events/event.ts';
import { logEvents } from '../../src/log.ts';

/** The lines that the real log writes in a process of its own. */
async function lines(...args: readonly string[]): Promise<{ readonly stdout: string; readonly code: number | null }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'processes', 'logs-events.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'close') as Promise<[number | null]>]);
  return { stdout, code };
}

/** Level, fields and message of the line that an event becomes. */
function line(type: EventType, facts: Readonly<Record<string, Fact>>, engine?: string): readonly unknown[] {
  const bus = createBus({ epoch: 1, clock: systemClock });
  const said: unknown[] = [];
  const at =
    (level: string) =>
    (fields: unknown, message?: unknown): void => {
      said.push(level, fields, message);
    };
  logEvents(bus, {
    isLevelEnabled: () => true,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
  } as unknown as Parameters<typeof logEvents>[1]);
  bus.publish({ type, pool: 'chat', ...(engine === undefined ? {} : { engine, generation: 3 }), facts });
  return said;
}

describe("the daemon's log", () => {
  it('writes JSON lines with the names of the contract', async () => {
    const { stdout, code } = await lines('json');
    expect(code).toBe(0);
    const [exited, storm, ...more] = stdout
      .trim()
      .split('\n')
      .map((one) => JSON.parse(one));
    expect(more).toEqual([]);
    expect(exited).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      event: 'engine.exited',
      cursor: '4:1',
      pool: 'chat',
      engine: 'chat/0',
      generation: 3,
      class: 'signal',
      exitCode: null,
      signal: 'SIGKILL',
      uptimeSeconds: 12.5,
      crashCount: 2,
      failure: true,
      engineVersion: 'v1',
      msg: 'chat/0: exited: killed by SIGKILL after 12.5 s',
    });
    expect(storm).toMatchObject({
      level: 'fatal',
      event: 'restart.storm',
      pool: 'chat',
      restartCount: 10,
      windowMs: 30_000,
      msg: 'chat: restart storm: look at the memory',
    });
  });

  it('writes for people on a terminal', async () => {
    const { stdout } = await lines('pretty');
    expect(stdout).toContain('chat/0: exited: killed by SIGKILL after 12.5 s');
    expect(stdout).not.toContain('"level"');
  });

  it('does not hold up a daemon whose reader has stopped reading, or has gone', async () => {
    const program = join(import.meta.dirname, 'processes', 'logs-events.ts');
    for (const gone of [false, true]) {
      const child = spawn(process.execPath, [program, 'flood'], { stdio: ['ignore', 'pipe', 'pipe'] });
      if (gone) child.stdout.destroy();
      // Said once 20 MB have gone to a pipe that takes 64 KiB: then it is told to leave.
      const [said] = await once(child.stderr, 'data');
      expect(String(said)).toBe('flooded\n');
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  it('gives each event the level it deserves and the names of the contract', () => {
    expect(line('restart.storm', {})[0]).toBe('fatal');
    expect(line('breaker.opened', { class: 'any', failureCount: 5 })).toEqual([
      'error',
      { event: 'breaker.opened', cursor: '1:1', pool: 'chat', class: 'any', failureCount: 5 },
      'chat: breaker opened',
    ]);
    expect(line('engine.exited', { failure: false })[0]).toBe('info');
    expect(line('engine.backoff', { delayMs: 4_000, nextStartAt: 'then', failureCount: 3, reason: 'backoff' }, 'chat/1')).toEqual([
      'warn',
      {
        event: 'engine.backoff',
        cursor: '1:1',
        pool: 'chat',
        engine: 'chat/1',
        generation: 3,
        backoffMs: 4_000,
        nextRestartAt: 'then',
        failureCount: 3,
        reason: 'backoff',
      },
      'chat/1: backoff: backoff',
    ]);
    expect(line('pool.state', { oldState: 'running', newState: 'degraded' })).toEqual([
      'info',
      { event: 'pool.state', cursor: '1:1', pool: 'chat', oldState: 'running', newState: 'degraded' },
      'chat: pool running -> degraded',
    ]);
    expect(line('daemon.adopted', {})[2]).toBe('chat: adopted');
  });
});
