/** Supervisors that keep one `stamps.sh` alive each, all told to restart it at once. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Rig } from '../machine/rig.ts';

export interface Supervised {
  readonly name: string;
  /** What `stamps.sh` writes to. */
  readonly stamps: string;
  /** Names the times of generation `generation` that only this one can tell, wall-clock milliseconds; null: none. */
  readonly decidedMs: ((generation: number) => number | null) | null;
  end(): Promise<void>;
}

const ENGINE = join(import.meta.dirname, 'stamps.sh');
/** Everything on by default stays on: the tree has to be empty, the intent stored, the port tested, the cgroup entered. */
const AT_ONCE = {
  restart: 'always',
  readyAfter: '0ms',
  backoff: { delay: '0ms', limit: '0ms', jitter: 0 },
  breaker: { failureThreshold: 1000 },
  restartLimit: { count: 900 },
  storm: { count: 900 },
};

export async function poold(name: string, env: Readonly<Record<string, string>> = {}): Promise<Supervised> {
  const rig = new Rig({ bench: { ...AT_ONCE, engine: { command: [ENGINE, 'DIR/stamps'], env: { PORT: '${port}' } } } });
  await rig.start({ env });
  const decidedMs = (generation: number): number | null => {
    const line = rig
      .daemonLog()
      .split('\n')
      .find((one) => one.includes('"engine.starting"') && one.includes(`"generation":${generation},`));
    return line === undefined ? null : Date.parse((JSON.parse(line) as { time: string }).time);
  };
  return { name, stamps: rig.path('stamps'), decidedMs, end: () => rig.tidyUp() };
}

export function runit(): Supervised {
  const { dir, stamps } = place('runit');
  mkdirSync(join(dir, 'service'));
  writeFileSync(join(dir, 'service/run'), `#!/bin/sh\nexec ${ENGINE} ${stamps}\n`);
  chmodSync(join(dir, 'service/run'), 0o755);
  return supervised({ name: 'runit', dir, stamps, argv: ['runsv', join(dir, 'service')] });
}

export function supervisord(): Supervised {
  const { dir, stamps } = place('supervisord');
  const config = `[supervisord]
nodaemon=true
user=root
logfile=${dir}/supervisord.log
pidfile=${dir}/supervisord.pid
[program:bench]
command=${ENGINE} ${stamps}
autorestart=true
startsecs=0
startretries=1000
`;
  writeFileSync(join(dir, 'supervisord.conf'), config);
  return supervised({ name: 'supervisord', dir, stamps, argv: ['supervisord', '-n', '-c', join(dir, 'supervisord.conf')] });
}

/** The floor: a shell that waits for its child and forks the next. */
export function shellLoop(): Supervised {
  const { dir, stamps } = place('loop');
  const argv = ['/bin/sh', '-c', 'trap "exit" TERM; while :; do "$@" & wait $!; done', 'loop', ENGINE, stamps];
  const loop = supervised({ name: 'bare fork + exec (a shell loop)', dir, stamps, argv });
  return {
    ...loop,
    async end() {
      await loop.end();
      const pid = lastStamp(stamps)?.pid;
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    },
  };
}

export interface Stamp {
  readonly pid: number;
  readonly atMs: number;
  /** How many there are by now: the generation, where each start writes one. */
  readonly count: number;
}

/** The newest start, or null when there was none yet. */
export function lastStamp(file: string): Stamp | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return null;
  }
  const lines = text.split('\n').slice(0, -1);
  const [pid, nanoseconds] = lines.at(-1)?.split(' ') ?? [];
  return pid === undefined || nanoseconds === undefined
    ? null
    : { pid: Number(pid), atMs: Number(BigInt(nanoseconds) / 1000n) / 1000, count: lines.length };
}

function place(name: string): { readonly dir: string; readonly stamps: string } {
  const dir = mkdtempSync(join(tmpdir(), `poold-bench-${name}-`));
  return { dir, stamps: join(dir, 'stamps') };
}

function supervised(of: {
  readonly name: string;
  readonly dir: string;
  readonly stamps: string;
  readonly argv: readonly string[];
}): Supervised {
  const [command = '', ...args] = of.argv;
  const child: ChildProcess = spawn(command, args, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  return {
    name: of.name,
    stamps: of.stamps,
    decidedMs: null,
    async end() {
      child.kill('SIGTERM');
      await ended;
      rmSync(of.dir, { recursive: true, force: true });
    },
  };
}
