/** poolctl as a user runs it: a process of its own. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly ended: Promise<Ran>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  kill(signal?: NodeJS.Signals): void;
}

const ENTRY = join(import.meta.dirname, '..', '..', 'bin', 'poolctl');

/** With nothing of the test's own environment but PATH and HOME. */
export function start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Running {
  return watched(process.execPath, [ENTRY, ...args], environment);
}

export function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return start(args, environment).ended;
}

/** `poolctl ARGS | REST` in a shell; the exit code is poolctl's. */
export function piped(args: readonly string[], rest: string, environment: Readonly<Record<string, string>>): Promise<Ran> {
  const script = `{ "$@"; echo "exit $?" >&2; } | ${rest}`;
  return watched('/bin/sh', ['-c', script, 'sh', process.execPath, ENTRY, ...args], environment).ended;
}

export interface Typing {
  readonly columns?: number;
  /** Typed once `when` is on the screen. */
  readonly types?: string;
  readonly when?: string;
}

/** `poolctl LINE` in a terminal of its own: what is on it, and the exit code. */
export function inTerminal(line: string, environment: Readonly<Record<string, string>>, { columns = 80, types = '', when = '' }: Typing) {
  const command = `stty cols ${columns}; exec ${process.execPath} ${ENTRY} ${line}`;
  const { PATH = '', HOME = '/' } = process.env;
  const env = { PATH, HOME, SHELL: '/bin/sh', NO_COLOR: '1', TERM: 'xterm', ...environment };
  const child = spawn('script', ['-qec', command, '/dev/null'], { env });
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    const seen = when !== '' && screen.includes(when);
    screen += piece;
    if (when !== '' && !seen && screen.includes(when)) child.stdin.write(types);
  });
  return { screen: () => screen, ended: new Promise<number | null>((resolve) => child.on('close', resolve)) };
}

function watched(command: string, args: readonly string[], environment: Readonly<Record<string, string>>): Running {
  const { PATH = '', HOME = '/' } = process.env;
  const child = spawn(command, args, {
    env: { PATH, HOME, XDG_STATE_HOME: '/nowhere', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const got = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (piece: string) => {
      got[name] += piece;
    });
  }
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...got }));
  });
  return { ended, stdout: () => got.stdout, stderr: () => got.stderr, kill: (signal) => void child.kill(signal) };
}
