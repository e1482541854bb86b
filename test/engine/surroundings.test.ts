import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { runCommand } from '../../src/engine/exec.ts';
import { findUser } from '../../src/engine/users.ts';
import { bystander, ENGINES, endBystandersAfterEach, endRigsAfterEach, fixture, Rig, WAYS } from './rig.ts';

endRigsAfterEach();
endBystandersAfterEach();

function section(log: string, name: string): string[] {
  return (new RegExp(`== ${name}\n([^]*?)== `).exec(log)?.[1] ?? '').trimEnd().split('\n');
}

function field(log: string, name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(log)?.[1];
}

describe.each(WAYS)('an engine under $name', (way) => {
  it('is told what the contract says, and nothing else', async () => {
    const rig = new Rig({
      ...way,
      env: { ...way.env, LANG: 'C.UTF-8', TZ: 'Europe/Berlin', NODE_OPTIONS: '--no-warnings', LD_LIBRARY_PATH: '/never' },
    });
    const token = join(rig.dir, 'token');
    writeFileSync(token, 'hunter2\n\n');
    const launched = await rig.launch(
      {
        command: fixture('prints-surroundings.sh'),
        env: { WHERE: '${host}:${port} of ${pool}/${replica}' },
        envFrom: { TOKEN: { file: token } },
      },
      { generation: 3, port: 4711, device: '0,1', notifySocket: '/run/notify' },
    );
    expect(launched.is).toBe('started');
    await rig.logged('== end');
    expect(section(rig.log, 'env').toSorted()).toEqual(
      [
        `PATH=${process.env.PATH}`,
        'HOME=/tmp',
        'LANG=C.UTF-8',
        'TZ=Europe/Berlin',
        `TMPDIR=${join(rig.dir, 'tmp', 'chat-0')}`,
        'WHERE=127.0.0.1:4711 of chat/0',
        'TOKEN=hunter2',
        'CUDA_VISIBLE_DEVICES=0,1',
        'CUDA_DEVICE_ORDER=PCI_BUS_ID',
        'ROCR_VISIBLE_DEVICES=0,1',
        'NOTIFY_SOCKET=/run/notify',
        `POOLD_INSTANCE=${rig.instance(3)}`,
        'POOLD_POOL=chat',
        'POOLD_REPLICA=0',
        'POOLD_GENERATION=3',
      ].toSorted(),
    );
  });

  it('has three descriptors, default signals, no privileges to gain and a session of its own', async () => {
    const rig = new Rig(way);
    const identity = await rig.start(fixture('prints-surroundings.sh'), '== end');
    const fds = section(rig.log, 'fds').filter((line) => line.includes(' /') && !line.endsWith('prints-surroundings.sh'));
    expect(fds).toEqual(['0 /dev/null', `1 ${rig.logPath}`, `2 ${rig.logPath}`]);
    expect(field(rig.log, 'SigBlk')).toMatch(/^0+$/);
    expect(field(rig.log, 'SigIgn')).toMatch(/^0+$/);
    expect(field(rig.log, 'CapInh')).toMatch(/^0+$/);
    expect(field(rig.log, 'CapAmb')).toMatch(/^0+$/);
    expect(field(rig.log, 'NoNewPrivs')).toBe('1');
    const [pid, , , , group, session] = section(rig.log, 'stat')[0]?.split(' ') ?? [];
    expect([pid, group, session]).toEqual(Array(3).fill(String(identity.pid)));
    expect(section(rig.log, 'cwd')).toEqual(['/']);
  });
});

it('a command of a hook is stripped in the same way', async () => {
  const argv = ['/bin/sh', '-c', `${join(ENGINES, 'prints-surroundings.sh')} & sleep 0.3`];
  const { output } = await runCommand(systemClock, {
    argv,
    env: { PATH: '/usr/bin:/bin', A: '1' },
    cwd: '/',
    user: null,
    timeoutMs: 5_000,
  });
  expect(
    section(output, 'env')
      .filter((line) => !/^(PWD|OLDPWD|_|SHLVL)=/.test(line))
      .toSorted(),
  ).toEqual(['A=1', 'PATH=/usr/bin:/bin']);
  expect(field(output, 'NoNewPrivs')).toBe('1');
  expect(field(output, 'CapAmb')).toMatch(/^0+$/);
  expect(field(output, 'SigBlk')).toMatch(/^0+$/);
});

it('another user is taken on where the daemon may, with its groups and home, and without a way back; else it is refused', async () => {
  const rig = new Rig();
  // The user has to get through to its TMPDIR.
  chmodSync(rig.dir, 0o711);
  const open = join(rig.dir, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  const launched = await rig.launch({
    command: ['/bin/sh', '-c', 'touch "$TMPDIR/mine" && echo "uid $(id -u) home $HOME"; cat /proc/self/status; echo end'],
    user: 'daemon',
  });
  if (process.geteuid?.() !== 0) {
    expect(launched).toMatchObject({ is: 'failed', class: 'prepare_failed', message: expect.stringMatching(/may not become daemon/) });
    return;
  }
  expect(launched.is).toBe('started');
  await rig.logged('end');
  const daemon = await findUser(systemClock, 'daemon');
  expect(rig.log).toContain(`uid ${daemon?.uid} home ${daemon?.home}\n`);
  expect(field(rig.log, 'CapPrm')).toMatch(/^0+$/);
  expect(field(rig.log, 'NoNewPrivs')).toBe('1');
  // Its record is the daemon's, and so is the launcher that writes it.
  expect(await rig.exit()).toMatchObject({ code: 0, codeKnown: true });
});

it('what a bystander carries in its environment is no mark of ours', async () => {
  const rig = new Rig({ env: { POOLD_CONTAINMENT: 'weak' } });
  const identity = await rig.start(['/bin/sleep', '1000']);
  const other = bystander({ POOLD_INSTANCE: `${identity.instance}0` });
  expect(await rig.room.tree.members(identity)).toEqual([identity.pid]);
  expect(other).toBeGreaterThan(1);
});
