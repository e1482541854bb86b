/** What the groups of verbs are made with. Types only. */
import type { Command } from 'commander';
import type { Session } from './session.ts';

export interface GlobalOptions {
  readonly socket?: string;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly output?: 'table' | 'json';
  readonly timeout?: string;
}

/** Opens a session with these options, runs the verb in it, and keeps its exit code: ours, or with `lease exec` that of a command. */
export type Run = (options: GlobalOptions, verb: (session: Session) => Promise<number>) => Promise<void>;

/** In a `group`, as `exec` in `lease`, or on its own. */
export type MakeVerb = (name: string, says: string, group?: Command) => Command;

/** Makes an action of what a verb does: commander hands over arguments, then the verb's options. */
export type Running = <A extends unknown[]>(
  what: (session: Session, ...given: A) => Promise<number>,
) => (...given: unknown[]) => Promise<void>;
