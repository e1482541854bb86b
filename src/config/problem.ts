/** What is wrong with a configuration and where: the one shape that all of its readers report in. */

export type Path = readonly (string | number)[];
export type Severity = 'error' | 'warning';

export interface Problem {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  /** `pools.chat.engine.command[0]`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly severity: Severity;
}

/** Something that a rule found, before the file is asked where it stands. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
  readonly severity: Severity;
  /** The key is what is wrong, not its value. */
  readonly at?: 'key';
}

/** `file:line:column: path: message`, with `warning: ` before the message of a warning. */
export function formatProblem(problem: Problem): string {
  const where = `${problem.file}:${problem.line}:${problem.column}: `;
  const path = problem.path === '' ? '' : `${problem.path}: `;
  return `${where}${path}${problem.severity === 'warning' ? 'warning: ' : ''}${problem.message}`;
}

/** `pools.chat.engine.command[0]`; a key that is no plain word stands in quotes. */
export function pathText(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      const word = PLAIN.test(step) ? step : JSON.stringify(step);
      return index === 0 ? word : `.${word}`;
    })
    .join('');
}

/** Whether `path` is `outer` or stands in it. */
export function isWithin(path: Path, outer: Path): boolean {
  return outer.every((step, index) => path[index] === step);
}

export function failure(path: Path, message: string): Finding {
  return { path, message, severity: 'error' };
}

/** An error in the last key of `path` itself. */
export function wrongKey(path: Path, message: string): Finding {
  return { path, message, severity: 'error', at: 'key' };
}

export function warning(path: Path, message: string): Finding {
  return { path, message, severity: 'warning' };
}

const PLAIN = /^[\w-]{1,100}$/;
