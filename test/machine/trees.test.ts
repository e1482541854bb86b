/** First faults: what engines leave behind, and what poold does about it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { liveStat } from '../../src/engine/proc.ts';
import { endRigsAfterEach } from './each.ts';
import { killIfThere, Rig, until } from './rig.ts';

endRigsAfterEach();

const QUICK = { restart: 'always', readyAfter: '100ms', backoff: { delay: '50ms', limit: '50ms' }, stop: { timeout: '1s' } };

function saidPid(rig: Rig, id: string, word: string): Promise<number> {
  return until(`${id} says the pid of its ${word}`, () => {
    const said = [
      ...rig
        .log(id)
        .toString()
        .matchAll(new RegExp(`^${word} (\\d+)$`, 'gm')),
    ].at(-1)?.[1];
    return said === undefined ? null : Number(said);
  });
}

describe('an engine with processes of its own', { timeout: 60_000 }, () => {
  it('takes a grandchild in another session along, when it is killed and when it is stopped', async () => {
    const rig = new Rig({ tree: { engine: { command: ['ENGINES/setsid-grandchild.sh'] }, ...QUICK } });
    await rig.start();
    const { pid } = await rig.reaches('tree/0', 'ready');
    const grandchild = await saidPid(rig, 'tree/0', 'grandchild');
    expect(liveStat(grandchild)?.sessionId).not.toBe(pid);
    killIfThere(pid ?? 0);
    await rig.reaches('tree/0', 'ready', 1);
    expect(liveStat(grandchild)).toBeNull();
    expect(rig.members('tree/0')).toHaveLength(2);
    const stopped = rig.poolctl('stop', 'tree');
    expect(stopped.code, stopped.stderr).toBe(0);
    expect(rig.processes()).toEqual([]);
    await rig.endsClean();
  });

  it('is seen to end although a grandchild holds its stdout', async () => {
    const rig = new Rig({ holder: { engine: { command: ['ENGINES/holds-stdout.sh'] }, ...QUICK, restart: 'never' } });
    await rig.start();
    const entry = await rig.ended('holder/0', 1);
    expect(entry).toMatchObject({ code: 0, class: 'error', message: expect.stringContaining('before it was ready') });
    expect(entry.lastLines).toEqual([expect.stringMatching(/^holder \d+$/)]);
    expect(liveStat(await saidPid(rig, 'holder/0', 'holder'))).toBeNull();
    expect((await rig.reaches('holder/0', 'failed')).pid).toBeNull();
    await rig.endsClean();
  });

  it('that ignores TERM is killed at stop.timeout, which poolctl says', async () => {
    const rig = new Rig({ deaf: { engine: { command: ['ENGINES/ignores-term.sh'] }, ...QUICK } });
    await rig.start();
    await rig.reaches('deaf/0', 'ready');
    const stopped = rig.poolctl('stop', 'deaf');
    expect(stopped.code, stopped.stdout).toBe(4);
    expect(rig.log('deaf/0').toString()).toContain('heard TERM');
    expect(await rig.ended('deaf/0', 1)).toMatchObject({ class: 'requested', signal: 'SIGKILL', failure: false });
    expect(rig.processes()).toEqual([]);
    await rig.endsClean();
  });
});

describe('a port that a stranger holds', { timeout: 60_000 }, () => {
  it('is told with the name of the stranger, counts as no failure, and is used when it is free', async () => {
    const stranger = spawn(process.execPath, [`${import.meta.dirname}/../engines/holds-port.mjs`, '0'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [said] = (await once(stranger.stdout, 'data')) as [Buffer];
      const port = Number(/listening (\d+)/.exec(said.toString())?.[1]);
      const command = ['node', 'ENGINES/http-engine.mjs', '${port}'];
      const rig = new Rig({
        web: { engine: { command, port }, ...QUICK, probes: { startup: { tcpSocket: {} } }, breaker: { failureThreshold: 1 } },
      });
      await rig.start();
      const held = await rig.reaches('web/0', 'backoff');
      expect(held).toMatchObject({ reason: 'port_busy', failures: 0, breaker: 'closed', pid: null });
      expect(held.message).toContain(`port ${port} is held by pid ${stranger.pid} (`);
      expect(await rig.pool('web')).toMatchObject({ crashCount: 0, breaker: { state: 'closed', failures: 0 } });
      stranger.kill();
      await once(stranger, 'exit');
      const retried = rig.poolctl('retry', 'web');
      expect(retried.code, retried.stderr).toBe(0);
      expect(await rig.reaches('web/0', 'ready')).toMatchObject({ url: `http://127.0.0.1:${port}` });
      await rig.endsClean();
    } finally {
      stranger.kill('SIGKILL');
    }
  });
});
