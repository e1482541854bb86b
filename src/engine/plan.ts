/** Turns a spec into what would be executed: who, where, what, with which environment. Shared by launch, preflight, prepare and all hooks. */
import { accessSync, chownSync, constants, lstatSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { PoolSpec } from '../config/spec.ts';
import { expand } from '../config/template.ts';
import type { StartFailure } from '../policy/crash-class.ts';
import { engineEnvironment, expandAll } from './environment.ts';
import { findExecutable } from './executable.ts';
import type { EngineRef, Side } from './identity.ts';
import { engineId, sideStem } from './identity.ts';
import type { User } from './surroundings.ts';
import { maySetUser } from './surroundings.ts';
import { templateValues } from './url.ts';
import { findUser } from './users.ts';

export interface PlanHost {
  readonly clock: Clock;
  /** Each replica gets its private TMPDIR in here; an engine's `user` has to be able to pass through it. */
  readonly tmpRoot: string;
  /** The daemon's own environment, of which PATH, HOME, LANG and TZ pass. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
}

export interface PlanOrder {
  readonly ref: EngineRef;
  readonly side: Side;
  readonly instance: string;
  readonly spec: PoolSpec;
  readonly port: number | null;
  readonly device: string | null;
  readonly notifySocket?: string | null;
}

/** What a start can come to grief of, with the class that decides what it counts as. */
export interface StartProblem {
  readonly is: 'failed';
  readonly class: StartFailure;
  readonly message: string;
}

export interface Plan {
  readonly is: 'plan';
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: User | null;
  readonly values: Readonly<Record<string, string>>;
}

/** Everything but the command itself, which `executableOf` looks for. Makes the engine's TMPDIR. */
export async function planEngine(host: PlanHost, order: PlanOrder): Promise<Plan | StartProblem> {
  const { ref, spec } = order;
  const { engine } = spec;
  const user = engine.user === null ? null : await findUser(host.clock, engine.user);
  if (engine.user !== null) {
    if (user === null) return startProblem(ref, 'prepare_failed', `there is no user ${engine.user}: make it, or change engine.user`);
    if (user.uid !== process.geteuid?.() && !maySetUser()) {
      return startProblem(
        ref,
        'prepare_failed',
        `this daemon may not become ${user.name}: run it as root or with CAP_SETUID and CAP_SETGID`,
      );
    }
  }
  const tmp = makeTmpDir(join(host.tmpRoot, sideStem({ ...ref, side: order.side })), user);
  if (tmp.code !== null) {
    const lack = errnoClass(tmp.code) === 'starved' ? 'starved' : 'prepare_failed';
    return startProblem(ref, lack, `its TMPDIR ${tmp.path} could not be made (${tmp.code})`);
  }
  const notifySocket = order.notifySocket ?? null;
  const environment = engineEnvironment({ ...order, user, tmpDir: tmp.path, notifySocket, inherited: host.inherited });
  if ('problem' in environment) return startProblem(ref, 'prepare_failed', environment.problem);
  const values = templateValues(order);
  const cwd = engine.workingDirectory === null ? process.cwd() : expand(engine.workingDirectory, values);
  return { is: 'plan', argv: expandAll(engine.command, values), env: environment.env, cwd, user, values };
}

/** The file that `plan.argv` executes, by the engine's own PATH. */
export function executableOf(ref: EngineRef, plan: Plan): { readonly is: 'found'; readonly path: string } | StartProblem {
  if ([...plan.argv, ...Object.values(plan.env)].some((text) => text.includes('\0'))) {
    return startProblem(ref, 'spawn_failed', 'its command or environment holds a NUL byte');
  }
  const problem = directoryProblem(plan.cwd);
  if (problem !== null) return startProblem(ref, 'prepare_failed', `workingDirectory ${plan.cwd} ${problem}`);
  const found = findExecutable(plan.argv[0] ?? '', plan.env.PATH ?? '', plan.cwd);
  return 'path' in found ? { is: 'found', path: found.path } : startProblem(ref, 'spawn_failed', found.problem);
}

export function startProblem(ref: EngineRef, failure: StartFailure, why: string): StartProblem {
  return { is: 'failed', class: failure, message: `cannot start ${engineId(ref)}: ${why}` };
}

/** What a system error at a spawn means: the daemon lacks something, or this command can never be spawned. */
export function errnoClass(code: string | undefined): 'starved' | 'spawn_failed' {
  return ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC', 'EDQUOT'].includes(code ?? '') ? 'starved' : 'spawn_failed';
}

function directoryProblem(path: string): string | null {
  try {
    if (!statSync(path).isDirectory()) return 'is not a directory';
    accessSync(path, constants.X_OK);
    return null;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'does not exist' : `cannot be entered (${code})`;
  }
}

function makeTmpDir(path: string, user: User | null): { readonly path: string; readonly code: string | null } {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const stat = lstatSync(path);
    if (!stat.isDirectory()) return { path, code: 'ENOTDIR' };
    const uid = user?.uid ?? process.geteuid?.() ?? stat.uid;
    if (stat.uid !== uid && user !== null) chownSync(path, user.uid, user.gid);
    return { path, code: null };
  } catch (cause) {
    return { path, code: (cause as NodeJS.ErrnoException).code ?? 'unknown' };
  }
}
