/** First faults: an engine says what it was given, by a daemon that has itself been given more than it should pass on. */
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { endRigsAfterEach } from './each.ts';
import { needs, Rig, ROOT, until } from './rig.ts';

endRigsAfterEach();

/** Ignored and blocked signals, open descriptors, ambient and inheritable capabilities: all of them would be inherited by exec. */
const BURDENED = [
  'setpriv',
  '--inh-caps=+net_raw,+sys_admin',
  '--ambient-caps=+net_raw',
  '--',
  'bash',
  '-c',
  `trap '' HUP USR1 USR2 INT QUIT ALRM; exec 9</etc/hostname 200</etc/hostname; exec "$@"`,
  'bash',
];
const NONE = '0000000000000000';

beforeAll(() => {
  needs('setpriv', 'util-linux');
  needs('bash', 'bash');
  if (process.geteuid?.() !== 0) throw new Error('cannot run these tests as an ordinary user: become root');
});

async function surroundingsOf(user: string | null): Promise<{ readonly rig: Rig; readonly said: string }> {
  const rig = new Rig({
    told: {
      engine: {
        command: ['ENGINES/prints-surroundings.sh'],
        env: { WHERE: '${pool}/${replica}' },
        ...(user === null ? {} : { user }),
      },
      readyAfter: '100ms',
    },
  });
  // The user has to get through to its TMPDIR.
  chmodSync(rig.dir, 0o711);
  await rig.start({
    through: BURDENED,
    env: { SECRET: 'of the daemon', LD_PRELOAD: '', LANG: 'C.UTF-8', TZ: 'UTC', NODE_OPTIONS: '--no-warnings' },
  });
  const said = await until('the engine has said all', () => {
    const log = rig.log('told/0').toString();
    return log.includes('== end') ? log : null;
  });
  return { rig, said };
}

function section(said: string, name: string): string[] {
  return (new RegExp(`== ${name}\n([^]*?)\n== `).exec(said)?.[1] ?? '').split('\n');
}

/** Fields of /proc/PID/status, by name. */
function statusIn(lines: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
}

describe.each([
  { user: null, name: 'of the daemon’s own user', uid: 0, gid: 0, groups: null, home: (rig: Rig) => rig.dir },
  { user: 'daemon', name: 'of another user', uid: 1, gid: 1, groups: '1', home: () => '/usr/sbin' },
])('an engine $name', { timeout: 60_000 }, ({ user, uid, gid, groups, home }) => {
  it('has the environment of the contract, three descriptors, default signals and no privilege to inherit', async () => {
    const { rig, said } = await surroundingsOf(user);
    const { pid } = await rig.reaches('told/0', 'ready');
    const { instance } = JSON.parse(rig.text('state/identity.json')) as { instance: string };
    expect(section(said, 'env').toSorted()).toEqual(
      [
        `PATH=${process.env.PATH}`,
        `HOME=${home(rig)}`,
        'LANG=C.UTF-8',
        'TZ=UTC',
        `TMPDIR=${rig.path('state/tmp/told-0')}`,
        'WHERE=told/0',
        `POOLD_INSTANCE=${instance}-told-0-1`,
        'POOLD_POOL=told',
        'POOLD_REPLICA=0',
        'POOLD_GENERATION=1',
      ].toSorted(),
    );
    const log = rig.path('state/logs/told-0.log');
    const script = join(ROOT, 'test/engines/prints-surroundings.sh');
    // The shell that runs it has the script open besides.
    expect(section(said, 'fds').filter((line) => !line.endsWith(` ${script}`))).toEqual(['0 /dev/null', `1 ${log}`, `2 ${log}`]);

    const status = statusIn(section(said, 'status'));
    const own = statusIn(readFileSync('/proc/self/status', 'utf8').split('\n'));
    const capabilities = user === null ? own.CapBnd : NONE;
    expect(status).toMatchObject({
      Uid: Array(4).fill(uid).join('\t'),
      Gid: Array(4).fill(gid).join('\t'),
      Groups: groups ?? own.Groups,
      SigBlk: NONE,
      SigIgn: NONE,
      CapInh: NONE,
      CapAmb: NONE,
      CapPrm: capabilities,
      CapEff: capabilities,
      CapBnd: own.CapBnd,
      NoNewPrivs: '1',
    });
    const [self, , , , group, session] = section(said, 'stat')[0]?.split(' ') ?? [];
    expect([self, group, session]).toEqual(Array(3).fill(String(pid)));
    await rig.endsClean();
  });
});
