/** Calls of the operating system that fail, or end whoever makes them: strace answers in the kernel's place. */
import { existsSync, readFileSync } from 'node:fs';

/** Those by which poold and SQLite change what is on a disk; reading and opening is not among them. */
export const WRITING = ['pwrite64', 'fsync', 'ftruncate', 'rename', 'unlink'] as const;

export interface Injection {
  readonly call: (typeof WRITING)[number];
  /** `N` is the Nth such call of a thread, `N+` each from there on, `N+M` every Mth from there on. */
  readonly when: string;
  readonly as: 'EIO' | 'ENOSPC' | 'SIGKILL';
  /** Where it is written down. */
  readonly trace: string;
  /** Of calls that are about these files alone; of all where it is not told. */
  readonly files?: readonly string[];
}

const FOLLOWED = ['strace', '-D', '-f', '-qq'] as const;
/** A process is stopped at those calls alone: the others take no longer than ever. With it strace 6.1 sends no signal. */
const ONLY_THOSE = '--seccomp-bpf';

/** Words that stand before a command. Its engines are followed too, and strace is nobody's parent: it ends with the last of them. */
export function through({ call, when, as, trace, files = [] }: Injection): string[] {
  const harm = as === 'SIGKILL' ? 'signal=SIGKILL' : `error=${as}`;
  const paths = files.flatMap((file) => ['-P', file]);
  return [
    ...FOLLOWED,
    ...(as === 'SIGKILL' ? [] : [ONLY_THOSE]),
    '-o',
    trace,
    ...paths,
    '-e',
    `trace=${call}`,
    '-e',
    `inject=${call}:${harm}:when=${when}`,
  ];
}

/** As `through`, and nothing fails. */
export function traced(trace: string): string[] {
  return [...FOLLOWED, ONLY_THOSE, '-o', trace, '-e', `trace=${WRITING.join(',')}`];
}

/** Their names, in their order. */
export function callsIn(trace: string): string[] {
  return linesOf(trace).flatMap((line) => /^\d+ +(\w+)\(/.exec(line)?.[1] ?? []);
}

/** How many calls were made to fail so far. */
export function failedIn(trace: string): number {
  return linesOf(trace).filter((line) => line.includes('(INJECTED)')).length;
}

function linesOf(trace: string): readonly string[] {
  return existsSync(trace) ? readFileSync(trace, 'utf8').trimEnd().split('\n') : [];
}
