/**
 * The sockets of all generations that have a `notify` probe, `<runtime>/notify/<twelve hex digits>`. The name comes from the instance, so the next daemon binds the
 * same path again for an engine that it adopts. What is sent while no daemon is there is lost, as sd_notify(3) has it: the sender gets
 * ECONNREFUSED at once and is never blocked, and an engine that was not ready yet is so by its next READY=1.
 */
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../../clock.ts';
import type { PoolSpec } from '../../config/spec.ts';
import type { EngineRef } from '../identity.ts';
import type { StartProblem } from '../plan.ts';
import { errnoClass, startProblem } from '../plan.ts';
import type { User } from '../surroundings.ts';
import { findUser } from '../users.ts';
import { NotifySocket } from './notify-socket.ts';
import { loadUnixDatagrams, MAX_PATH_BYTES } from './unix-datagrams.ts';

export interface NotifySocketsOptions {
  readonly clock: Clock;
  readonly runtimeDir: string;
  /** What calls libc; koffi unless told. */
  readonly load?: typeof loadUnixDatagrams;
}

export class NotifySockets {
  readonly #clock: Clock;
  readonly #runtimeDir: string;
  readonly #load: typeof loadUnixDatagrams;
  /** By instance. */
  readonly #sockets = new Map<string, NotifySocket>();

  constructor({ clock, runtimeDir, load = loadUnixDatagrams }: NotifySocketsOptions) {
    this.#clock = clock;
    this.#runtimeDir = runtimeDir;
    this.#load = load;
  }

  /** Why this host cannot receive datagrams, or null. */
  async problem(): Promise<string | null> {
    try {
      await this.#load();
      return null;
    } catch (error) {
      return `koffi cannot be loaded (${firstLine(error)}); run npm ci with optional dependencies, or use httpGet, tcpSocket or logLine as startup probe`;
    }
  }

  /** As `open`, before a spawn: the path for the engine's environment, or null where it gets none. */
  async place(
    ref: EngineRef,
    spec: PoolSpec,
    instance: string,
  ): Promise<{ readonly is: 'placed'; readonly path: string | null } | StartProblem> {
    try {
      return { is: 'placed', path: (await this.open(spec, instance))?.path ?? null };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return startProblem(ref, errnoClass(code) === 'starved' ? 'starved' : 'prepare_failed', message);
    }
  }

  /**
   * Binds the socket of a generation that is about to be spawned, or was adopted. Null without a `notify` probe, and where datagrams cannot be
   * received at all. Throws, with what to do, where just this one cannot be bound, or its user could not reach it.
   */
  async open(spec: PoolSpec, instance: string): Promise<{ readonly path: string; readonly socket: NotifySocket } | null> {
    if (!hasNotifyProbe(spec) || (await this.problem()) !== null) return null;
    const path = this.#pathOf(instance);
    const open = this.#sockets.get(instance);
    if (open !== undefined) return { path, socket: open };
    const socket = await this.#bind(spec, path);
    this.#sockets.set(instance, socket);
    return { path, socket };
  }

  /** Closes it and takes its file away; harmless where there is none. */
  remove(instance: string): void {
    this.#sockets.get(instance)?.close();
    this.#sockets.delete(instance);
    rmSync(this.#pathOf(instance), { force: true });
  }

  /** Takes away what earlier daemons left of other generations than these. */
  keepOnly(instances: readonly string[]): void {
    const kept = new Set(instances.map(nameOf));
    for (const name of namesIn(this.#directory)) if (!kept.has(name)) rmSync(join(this.#directory, name), { force: true });
  }

  /** The files stay: engines that run on know them, and the next daemon binds them again. */
  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  get #directory(): string {
    return join(this.#runtimeDir, 'notify');
  }

  #pathOf(instance: string): string {
    return join(this.#directory, nameOf(instance));
  }

  /** ORDER: whole beside it first, owner included, then in its place by rename: an engine that sends meanwhile finds the old one or the new. */
  async #bind(spec: PoolSpec, path: string): Promise<NotifySocket> {
    const datagrams = await this.#load();
    const user = await this.#foreignUser(spec);
    const fresh = `${path}.new`;
    if (Buffer.byteLength(fresh) > MAX_PATH_BYTES) {
      throw new Error(`its NOTIFY_SOCKET ${path} is longer than a socket's path may be: take a shorter --runtime-dir`);
    }
    // Others may pass through and not look around.
    mkdirSync(this.#directory, { recursive: true, mode: 0o711 });
    if (user !== null) openTheWay(this.#directory, user);
    rmSync(fresh, { force: true });
    const socket = new NotifySocket(datagrams.bind(fresh), this.#clock);
    try {
      if (user !== null) giveTo(user, fresh);
      renameSync(fresh, path);
      return socket;
    } catch (error) {
      socket.close();
      rmSync(fresh, { force: true });
      throw error;
    }
  }

  /** A user that cannot be found is named by the launch. */
  async #foreignUser({ engine }: PoolSpec): Promise<User | null> {
    const user = engine.user === null ? null : await findUser(this.#clock, engine.user);
    return user?.uid === process.geteuid?.() ? null : user;
  }
}

export function hasNotifyProbe({ probes }: PoolSpec): boolean {
  return probes.startup?.action.by === 'notify';
}

function nameOf(instance: string): string {
  return createHash('sha256').update(instance).digest('hex').slice(0, 12);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // Nobody needed it yet.
  }
}

/**
 * A person's runtime directory is 0700. Where engines of another user have to reach a socket in it others may pass through: everything else in
 * it has a mode of its own. Directories above are not ours to change: throws, naming the first that keeps the user out.
 */
function openTheWay(directory: string, user: User): void {
  const runtimeDir = dirname(directory);
  for (const own of [directory, runtimeDir]) {
    const mode = statSync(own).mode & 0o7777;
    if ((mode & 0o001) === 0) chmodSync(own, mode | 0o001);
  }
  for (let above = dirname(runtimeDir); above !== '/'; above = dirname(above)) {
    if (mayPass(above, user)) continue;
    throw new Error(
      `its user ${user.name} cannot reach its NOTIFY_SOCKET through ${above}: let others pass (chmod o+x), or take another --runtime-dir`,
    );
  }
}

/** A daemon that may become others and not give files away (no CAP_CHOWN) lets everybody send: only the engine's own word counts anyway. */
function giveTo(user: User, path: string): void {
  try {
    chownSync(path, user.uid, user.gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    chmodSync(path, 0o666);
  }
}

/** A group's right counts, whichever group it is: the user may be in it. */
function mayPass(directory: string, user: User): boolean {
  const { mode, uid } = statSync(directory);
  return user.uid === 0 || (uid === user.uid ? (mode & 0o100) !== 0 : (mode & 0o011) !== 0);
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n')[0] ?? '';
}
