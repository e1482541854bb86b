import { chmodSync, copyFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { childrenOf } from '../../src/engine/cgroup.ts';
import { argvOf, liveStat, statOf } from '../../src/engine/proc.ts';
import { runDaemon } from './daemon.ts';
import { endRigsAfterEach, fixture, Rig, WAYS } from './rig.ts';

endRigsAfterEach();

/** Nothing is left of a start that failed. */
function nothingHeld(rig: Rig): void {
  const { containment } = rig.room;
  expect(readdirSync(join(rig.dir, 'runs'))).toEqual([]);
  expect(containment.by === 'cgroup' ? childrenOf(containment.parent) : []).toEqual([]);
  expect(rig.marked()).toEqual([]);
}

describe.each(WAYS)('an engine under $name', (way) => {
  it('runs in a session of its own below its launcher, and its exit code is told once', async () => {
    const rig = new Rig(way);
    const identity = await rig.start(fixture('dies-after.sh', '0.2', '7'), 'ready');
    const stat = liveStat(identity.pid);
    expect(stat).toMatchObject({
      parentPid: identity.launcherPid,
      sessionId: identity.pid,
      groupId: identity.pid,
      startTicks: identity.startTicks,
    });
    expect(statOf(identity.launcherPid)).toMatchObject({ sessionId: identity.launcherPid });
    expect(rig.room.alive(identity)).toBe(true);
    expect(await rig.exit()).toMatchObject({ code: 7, signal: null, codeKnown: true, spawnFailure: null, seen: 'event' });
    await rig.room.tree.gone(identity);
    expect(rig.room.alive(identity)).toBe(false);
    rig.room.check(rig.ref());
    rig.room.release(rig.ref(), identity);
    nothingHeld(rig);
    expect(rig.exits).toHaveLength(1);
  });

  it.each(['KILL', 'SEGV', 'TERM'])('killed by SIG%s is told so', async (signal) => {
    const rig = new Rig(way);
    await rig.start(fixture('dies-after.sh', '0', signal));
    expect(await rig.exit()).toMatchObject({ code: null, signal: `SIG${signal}`, codeKnown: true });
    // What a shell says about its child is no line of the engine's log.
    expect(rig.log).toBe('ready\nlast words\n');
  });

  it('that ends at once is started first and ended then', async () => {
    const rig = new Rig(way);
    const launched = await rig.launch({ command: ['/bin/false'] });
    expect(launched.is).toBe('started');
    expect(rig.exits).toEqual([]);
    expect(await rig.exit()).toMatchObject({ code: 1, spawnFailure: null });
  });

  it('is told ended although a grandchild holds its stdout', async () => {
    const rig = new Rig(way);
    const identity = await rig.start(fixture('holds-stdout.sh'), /holder \d+/);
    expect(await rig.exit()).toMatchObject({ code: 0 });
    const holder = Number(/holder (\d+)/.exec(rig.log)?.[1]);
    expect(await rig.room.tree.members(identity)).toEqual([holder]);
    await rig.room.tree.terminateRest(identity);
    await rig.room.tree.gone(identity);
    expect(liveStat(holder)).toBeNull();
  });
});

it.each(['/bin/sh', '/bin/bash'].filter(existsSync))('%s can be the launcher, and leaves nothing in the environment', async (shell) => {
  const rig = new Rig({ shell });
  const identity = await rig.start(fixture('prints-surroundings.sh'), '== end');
  const env = /== env\n([\s\S]*)\n== fds/.exec(rig.log)?.[1] ?? '';
  expect(env.split('\n').map((line) => line.split('=')[0])).toEqual(expect.not.arrayContaining(['PWD', 'OLDPWD', 'SHLVL', '_']));
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const) process.kill(-identity.launcherPid, signal);
  process.kill(identity.pid, 'SIGKILL');
  expect(await rig.exit()).toMatchObject({ signal: 'SIGKILL', codeKnown: true });
});

it('is not held up or changed by words that a shell would read', async () => {
  const rig = new Rig();
  const words = ['$(touch /tmp/never)', '`id`', '; exit 3', '"', "'", '*', '-c', '--', 'a b\nc', ''];
  const identity = await rig.start([process.execPath, '-e', 'console.log("up"); setInterval(() => {}, 1000)', ...words], 'up');
  expect(argvOf(identity.pid).slice(3)).toEqual(words);
});

describe('a start that fails', () => {
  const file = (rig: Rig, name: string, text: string, mode: number): string => {
    const path = join(rig.dir, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };

  it('for its command is spawn_failed, names the reason and holds nothing', async () => {
    const rig = new Rig();
    const plain = file(rig, 'plain', 'echo no shell reads this', 0o644);
    const text = file(rig, 'text', 'echo no shell reads this', 0o755);
    const orphan = file(rig, 'orphan', '#!/nowhere/at/all\n', 0o755);
    const cases: [string[], RegExp][] = [
      [['no-such-program'], /^cannot start chat\/0: no-such-program is in none of the directories of PATH/],
      [['/no/such/program'], /\/no\/such\/program does not exist/],
      [[plain], /cannot be executed \(EACCES\)/],
      [[text], /ENOEXEC/],
      [[orphan], /the interpreter of .*orphan cannot be used: \/nowhere\/at\/all: ENOENT/],
      [['/bin/echo', 'a\0b'], /NUL/],
      [[rig.dir], /is not a file/],
    ];
    for (const [command, message] of cases) {
      expect(await rig.launch({ command })).toMatchObject({ is: 'failed', class: 'spawn_failed', message: expect.stringMatching(message) });
      nothingHeld(rig);
    }
    expect(rig.log).toBe('');
  });

  it('for its surroundings is prepare_failed and holds nothing', async () => {
    const rig = new Rig();
    const cases: [Parameters<Rig['launch']>[0], RegExp][] = [
      [{ workingDirectory: '/no/such/directory' }, /workingDirectory \/no\/such\/directory does not exist/],
      [{ user: 'nobody-we-know' }, /there is no user nobody-we-know/],
      [{ envFrom: { TOKEN: { file: '/no/such/token' } } }, /envFrom.TOKEN: \/no\/such\/token: ENOENT/],
      [{ limits: { openFiles: 2 ** 31 } }, /openFiles could not be set/],
    ];
    for (const [engine, message] of cases) {
      expect(await rig.launch(engine)).toMatchObject({ is: 'failed', class: 'prepare_failed', message: expect.stringMatching(message) });
      nothingHeld(rig);
    }
  });

  it('because the executable went away after it was found is told as spawn failure, not as exit code 127', async () => {
    const rig = new Rig();
    copyFileSync('/bin/true', join(rig.dir, 'engine'));
    // Stands for the race: the shell that is to become the launcher takes the executable away first.
    const shell = file(rig, 'taking-shell', `#!/bin/sh\nrm '${join(rig.dir, 'engine')}'\nexec /bin/sh "$@"\n`, 0o755);
    const taking = new Rig({ after: rig, shell });
    expect(await taking.launch({ command: [join(rig.dir, 'engine')] })).toMatchObject({ is: 'started' });
    expect(await taking.exit()).toMatchObject({ code: 127, spawnFailure: expect.stringMatching(/engine does not exist/) });
  });

  it('but an engine that ends with 127 by itself has run', async () => {
    const rig = new Rig();
    await rig.start(fixture('dies-after.sh', '0', '127'));
    expect(await rig.exit()).toMatchObject({ code: 127, spawnFailure: null });
  });
});

it('a limit that cannot be set is a warning with bestEffort', async () => {
  const rig = new Rig({ env: { POOLD_CONTAINMENT: 'weak' } });
  const limits = { openFiles: 2 ** 31, memoryBytes: 1 << 30, pids: 100, cpuWeight: 50 };
  const command = fixture('dies-after.sh', '0', '0');
  expect(await rig.launch({ command, limits })).toMatchObject({
    is: 'failed',
    message: expect.stringMatching(/limits.memory.*limits.pids.*limits.cpuWeight/),
  });
  const launched = await rig.launch({ command, limits: { ...limits, bestEffort: true } });
  expect(launched).toMatchObject({
    is: 'started',
    warnings: expect.arrayContaining([expect.stringMatching(/^limits.memory: /), 'limits.openFiles could not be set']),
  });
  expect(await rig.exit()).toMatchObject({ code: 0 });
});

it('limits of descriptors and of the out-of-memory score reach the engine and not the daemon', async () => {
  const rig = new Rig();
  await rig.launch({ command: fixture('prints-surroundings.sh'), limits: { openFiles: 64, memlockBytes: 65_536, oomScoreAdjust: 700 } });
  await rig.logged('== end');
  expect(rig.log).toMatch(/^Max open files +64 +64 /m);
  expect(rig.log).toMatch(/^Max locked memory +65536 +65536 /m);
  expect(rig.log).toMatch(/== oom\n700\n/);
});

it.each([
  ['koffi', false],
  ['Node', true],
] as const)('a daemon that lacks descriptors says starved at each step of a start by %s, and holds nothing', async (_by, nodeSpawn) => {
  const rig = new Rig();
  const told = await runDaemon({ rig, engine: { command: ['/bin/true'] }, openFilesLimit: 40, freeUpTo: 12, nodeSpawn });
  const classes = told.map((line) => (line.is === 'failed' ? line.class : line.is));
  expect(new Set(classes)).toEqual(new Set(['starved', 'started']));
  expect(classes[0]).toBe('starved');
  expect(classes.at(-1)).toBe('started');
  nothingHeld(rig);
});
