import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { ProbeOutcome } from '../../src/engine/probes/outcome.ts';
import { findUser } from '../../src/engine/users.ts';
import { poolSpec } from '../engine/pool-spec.ts';
import { notifyPool, opened, runtimeDirectory, socketsIn, talker } from './talkers.ts';

const ref = { pool: 'chat', replica: 0, generation: 1 };
const everybody = async () => true;
const READY = { ok: true, message: 'it said READY=1' };

function outcomes() {
  const heard: ProbeOutcome[] = [];
  const becomes = (wanted: unknown) => vi.waitFor(() => expect(heard).toEqual(wanted), { timeout: 10_000, interval: 5 });
  return { heard, listener: (outcome: ProbeOutcome) => void heard.push(outcome), becomes };
}

describe('READY=1', () => {
  it('counts from a process of the engine, also before anybody listened', async () => {
    const { path, socket } = await opened(socketsIn(runtimeDirectory()));
    const engine = talker(path, ['STATUS=READY=1', 'READY=10', 'STATUS=up\nREADY=1\n']);
    await engine.says('told');
    const asked: number[] = [];
    socket.read(async (pid) => asked.push(pid) > 0);
    const { listener, becomes } = outcomes();
    socket.listen(listener);
    await becomes([READY]);
    expect(asked).toEqual([engine.pid]);
    const late = outcomes();
    socket.listen(late.listener);
    expect(late.heard).toEqual([READY]);
  });

  it('from anybody else does not count, and who it was is told', async () => {
    const { path, socket } = await opened(socketsIn(runtimeDirectory()));
    const { listener, becomes } = outcomes();
    const engine = talker(path, []);
    socket.read(async (pid) => pid === engine.pid);
    socket.listen(listener);
    const stranger = talker(path, ['READY=1']);
    const refused = {
      ok: false,
      message: `cannot count READY=1 from pid ${stranger.pid}: that is no process of this engine, or it had ended already`,
    };
    await becomes([refused]);
    await engine.says('waiting');
    engine.child.kill('SIGHUP');
    await becomes([refused, READY]);
  });

  it('does not count when it cannot be told whose it is', async () => {
    const { path, socket } = await opened(socketsIn(runtimeDirectory()));
    const { listener, becomes } = outcomes();
    socket.read(() => Promise.reject(new Error('no /proc')));
    socket.listen(listener);
    talker(path, ['READY=1']);
    await becomes([expect.objectContaining({ ok: false })]);
  });

  it('is judged before a sender that waits for its barrier goes on', async () => {
    const { path, socket } = await opened(socketsIn(runtimeDirectory()));
    const { listener, heard } = outcomes();
    const answer = Promise.withResolvers<boolean>();
    const asked = new Promise((resolve) => {
      socket.read((pid) => {
        resolve(pid);
        return answer.promise;
      });
    });
    socket.listen(listener);
    const engine = talker(path, ['READY=1', '@barrier:BARRIER=1', '@barrier:BARRIER=1']);
    expect(await asked).toBe(engine.pid);
    // It waits: nothing behind READY=1 is read before the answer.
    await engine.says('READY=1: sent');
    answer.resolve(true);
    await engine.says('barrier sent and passed\nbarrier sent and passed\ntold');
    expect(heard).toEqual([READY]);
  });
});

describe('an engine', () => {
  it('is never blocked by what it says after READY=1', async () => {
    const { path, socket } = await opened(socketsIn(runtimeDirectory()));
    const { listener, becomes } = outcomes();
    socket.read(everybody);
    socket.listen(listener).close();
    const more = Array.from({ length: 2_000 }, (_, number) => `STATUS=${number}`);
    await talker(path, ['READY=1', ...more, 'x'.repeat(100_000)]).says('told');
    socket.listen(listener);
    await becomes([READY]);
  });

  it('that floods its socket is heard all the same, and does not stop the daemon', async () => {
    const { path, socket } = await opened(socketsIn(runtimeDirectory()));
    const { listener, becomes } = outcomes();
    socket.read(everybody);
    socket.listen(listener);
    talker(path, ['@flood:X=1']);
    talker(path, ['READY=1']);
    await becomes([READY]);
  });
});

describe('the socket', () => {
  it('is there for pools with the probe only', async () => {
    const runtimeDir = runtimeDirectory();
    const sockets = socketsIn(runtimeDir);
    expect(await sockets.place(ref, poolSpec({}), 'i')).toEqual({ is: 'placed', path: null });
    expect(existsSync(join(runtimeDir, 'notify'))).toBe(false);
    const placed = await sockets.place(ref, notifyPool(), 'i');
    expect(placed).toMatchObject({ is: 'placed', path: expect.stringMatching(/\/notify\/[0-9a-f]{12}$/) });
    expect(await sockets.place(ref, notifyPool(), 'i')).toEqual(placed);
    expect(await sockets.place(ref, notifyPool(), 'j')).not.toEqual(placed);
  });

  it('is nobody else’s, and goes with its generation', async () => {
    const runtimeDir = runtimeDirectory();
    const sockets = socketsIn(runtimeDir);
    const { path } = await opened(sockets, 'i');
    expect(statSync(path).isSocket()).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(runtimeDir, 'notify')).mode & 0o066).toBe(0);
    sockets.remove('i');
    sockets.remove('i');
    expect(readdirSync(join(runtimeDir, 'notify'))).toEqual([]);
  });

  it('can be reached by the engine’s user, through directories that are otherwise closed', async () => {
    const runtimeDir = runtimeDirectory();
    const placed = await socketsIn(runtimeDir).place(ref, notifyPool('daemon'), 'i');
    if (process.geteuid?.() !== 0) {
      // A launch as another user is refused anyway; what cannot be given away is open to all, and whose word it is is looked at.
      expect(statSync((placed as { path: string }).path).mode & 0o777).toBe(0o666);
      return;
    }
    const user = await findUser(systemClock, 'daemon');
    const { path } = placed as { path: string };
    expect(statSync(path)).toMatchObject({ uid: user?.uid, gid: user?.gid });
    expect(statSync(runtimeDir).mode & 0o777).toBe(0o701);
    const inside = join(runtimeDir, 'deep');
    const sockets = socketsIn(inside);
    await chmod(runtimeDir, 0o700);
    expect(await sockets.place(ref, notifyPool('daemon'), 'i')).toMatchObject({
      is: 'failed',
      class: 'prepare_failed',
      message: `cannot start chat/0: its user daemon cannot reach its NOTIFY_SOCKET through ${runtimeDir}: let others pass (chmod o+x), or take another --runtime-dir`,
    });
  });

  it('with too long a path says what to do', async () => {
    const runtimeDir = join(runtimeDirectory(), 'x'.repeat(80));
    expect(await socketsIn(runtimeDir).place(ref, notifyPool(), 'i')).toMatchObject({
      is: 'failed',
      class: 'prepare_failed',
      message: expect.stringMatching(
        /^cannot start chat\/0: its NOTIFY_SOCKET .* is longer than a socket's path may be: take a shorter --runtime-dir$/,
      ),
    });
  });

  it('that cannot be made fails the start', async () => {
    const runtimeDir = runtimeDirectory();
    writeFileSync(join(runtimeDir, 'notify'), '');
    expect(await socketsIn(runtimeDir).place(ref, notifyPool(), 'i')).toMatchObject({ is: 'failed', class: 'prepare_failed' });
    const load = async () => ({
      bind: () => {
        throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
      },
    });
    expect(await socketsIn(runtimeDirectory(), { load }).place(ref, notifyPool(), 'i')).toMatchObject({ is: 'failed', class: 'starved' });
  });

  it('is none where koffi is not', async () => {
    const sockets = socketsIn(runtimeDirectory(), {
      load: () => Promise.reject(new Error("Cannot find package 'koffi'\nimported from x")),
    });
    expect(await sockets.problem()).toBe(
      "koffi cannot be loaded (Cannot find package 'koffi'); run npm ci with optional dependencies, or use httpGet, tcpSocket or logLine as startup probe",
    );
    expect(await sockets.place(ref, notifyPool(), 'i')).toEqual({ is: 'placed', path: null });
    expect(await socketsIn(runtimeDirectory()).problem()).toBeNull();
  });
});

describe('after the death of the daemon', () => {
  it('the sender is told at once, and the next daemon hears it at the same path', async () => {
    const runtimeDir = runtimeDirectory();
    const first = socketsIn(runtimeDir);
    const { path } = await opened(first);
    first.close();
    expect(statSync(path).isSocket()).toBe(true);
    const engine = talker(path, ['READY=1']);
    await engine.says('READY=1: errno 111');
    const again = await opened(socketsIn(runtimeDir));
    expect(again.path).toBe(path);
    const { listener, heard, becomes } = outcomes();
    again.socket.read(everybody);
    again.socket.listen(listener);
    expect(heard).toEqual([]);
    engine.child.kill('SIGHUP');
    await becomes([READY]);
  });

  it('what it left of engines that are gone is taken away', async () => {
    const runtimeDir = runtimeDirectory();
    const first = socketsIn(runtimeDir);
    const { path } = await opened(first, 'lives');
    await opened(first, 'gone');
    first.close();
    writeFileSync(`${path}.new`, '');
    const second = socketsIn(runtimeDir);
    second.keepOnly(['lives', 'never-there']);
    expect(readdirSync(join(runtimeDir, 'notify')).map((name) => join(runtimeDir, 'notify', name))).toEqual([path]);
    socketsIn('/nowhere/at/all').keepOnly([]);
  });
});
