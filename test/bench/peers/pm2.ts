/** PM2, in a directory outside of the project: installed there on first use, by its version. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { treeOf } from '../process-tree.ts';
import type { Peer, Program, Running } from './peer.ts';
import { allGone, namesIn, peerDirectory } from './peer.ts';

const VERSION = '7.0.4';
const PLACE = process.env.POOLD_BENCH_PEERS ?? join(tmpdir(), 'bench-peers');
const PROGRAM = join(PLACE, 'node_modules/pm2/bin/pm2');

export const pm2: Peer = {
  name: `PM2 ${VERSION}`,
  lacks: lackOfPm2(),
  async start(groups): Promise<Running> {
    const dir = peerDirectory('pm2');
    const env = { PATH: process.env.PATH ?? '', HOME: dir, PM2_HOME: dir, PM2_DISABLE_VERSION_CHECK: 'true', CI: 'true' };
    const file = join(dir, 'ecosystem.json');
    writeFileSync(file, JSON.stringify({ apps: namesIn(groups).map((program) => appOf(dir, program)) }));
    const asked = spawn(process.execPath, [PROGRAM, 'start', file], { env, stdio: 'ignore' });
    const code = await new Promise<number | null>((ended) => asked.once('exit', ended));
    const kill = (): unknown => spawnSync(process.execPath, [PROGRAM, 'kill'], { env, stdio: 'ignore' });
    if (code !== 0) {
      kill();
      throw new Error(`cannot start programs by PM2: it ended by ${code}`);
    }
    const pid = Number(readFileSync(join(dir, 'pm2.pid'), 'utf8'));
    return {
      pid,
      logs: (group) => [join(dir, `${group}-0.log`)],
      // As its users do: its own reader of logs would be a Node process for each.
      follow: (group, index, told) => {
        const reader = spawn('tail', ['-n', '0', '-F', join(dir, `${group}-${index}.log`)], { stdio: ['ignore', 'pipe', 'ignore'] });
        reader.stdout.setEncoding('latin1').on('data', told);
        return () => reader.kill('SIGKILL');
      },
      call: null,
      saysAllRun: null,
      decidedMs: null,
      async end() {
        const tree = treeOf(pid);
        kill();
        await allGone(tree);
        rmSync(dir, { recursive: true, force: true });
      },
    };
  },
};

function appOf(dir: string, { name, argv }: Program): object {
  const [script, ...args] = argv;
  return {
    name,
    script,
    args,
    interpreter: 'none',
    exec_mode: 'fork',
    autorestart: true,
    // It leaves alone what has ended within `min_uptime` this many times; less than 100 ms it does not take.
    max_restarts: 1_000_000,
    min_uptime: 100,
    restart_delay: 0,
    out_file: join(dir, `${name}.log`),
    error_file: join(dir, `${name}.errors`),
  };
}

function lackOfPm2(): string | null {
  if (existsSync(PROGRAM) && readFileSync(join(PROGRAM, '../../package.json'), 'utf8').includes(`"version": "${VERSION}"`)) return null;
  mkdirSync(PLACE, { recursive: true });
  const words = ['install', '--prefix', PLACE, '--ignore-scripts', '--no-audit', '--no-fund', `pm2@${VERSION}`];
  return spawnSync('npm', words, { stdio: 'ignore' }).status === 0 ? null : `not run: npm ${words.join(' ')}`;
}
