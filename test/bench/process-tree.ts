/** What a supervisor is, seen from outside: its process, all that it has started less the engines, and what they weigh. */
import { readdirSync, readFileSync } from 'node:fs';
import { allPids, argvOf, liveStat } from '../../src/engine/proc.ts';

/** The process and all below it, itself first. */
export function treeOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const stat of allPids().flatMap((one) => liveStat(one) ?? [])) {
    children.set(stat.parentPid, [...(children.get(stat.parentPid) ?? []), stat.pid]);
  }
  const tree = [pid];
  // It grows while it is walked.
  for (const one of tree) tree.push(...(children.get(one) ?? []));
  return tree;
}

/** Counts processes of exactly this argv, reading each new pid until it has become one. Cheap enough to be asked all the time. */
export class Census {
  readonly #argv: string;
  #members = new Set<number>();

  constructor(argv: readonly string[]) {
    this.#argv = argv.join('\0');
  }

  count(): number {
    const members = allPids().filter((pid) => this.#members.has(pid) || argvOf(pid).join('\0') === this.#argv);
    this.#members = new Set(members);
    return members.length;
  }

  /** Those of the last count. */
  get members(): ReadonlySet<number> {
    return this.#members;
  }
}

/** Its own memory and its share of what it shares; 0 when it has just ended. */
export function pssBytes(pid: number | undefined): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024;
}

export function rssBytes(pid: number | undefined): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** On a processor, over all threads. */
export function cpuMs(pid: number | undefined): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => sum + Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]) / 1e6, 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
