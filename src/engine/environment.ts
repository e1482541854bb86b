/** What an engine is told: its argv with the templates filled in, and its environment, which is this and nothing else. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import type { PoolSpec } from '../config/spec.ts';
import { expand } from '../config/template.ts';
import type { EngineRef } from './identity.ts';
import type { User } from './surroundings.ts';
import { templateValues } from './url.ts';

export interface EngineContext {
  readonly ref: EngineRef;
  /** POOLD_INSTANCE of this generation. */
  readonly instance: string;
  readonly spec: PoolSpec;
  readonly port: number | null;
  readonly device: string | null;
  readonly user: User | null;
  /** TMPDIR, or null for none of its own. */
  readonly tmpDir: string | null;
  readonly notifySocket: string | null;
  /** The daemon's own environment, of which PATH, HOME, LANG and TZ pass. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
}

export type Environment = { readonly env: Readonly<Record<string, string>> } | { readonly problem: string };

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const MAX_SECRET_BYTES = 65_536;

export function expandAll(texts: readonly string[], values: Readonly<Record<string, string>>): string[] {
  return texts.map((text) => expand(text, values));
}

/**
 * `env` and `envFrom` may set anything but the POOLD_ names. A file of `envFrom` is read anew at each start; its value goes nowhere but
 * into this object, and the problem names only the file.
 */
export function engineEnvironment(of: EngineContext): Environment {
  const { ref, spec, device, user, tmpDir, notifySocket, inherited } = of;
  const values = templateValues(of);
  // First, so that it stands within the first bytes of /proc/PID/environ.
  const env: Record<string, string> = {
    POOLD_INSTANCE: of.instance,
    PATH: inherited.PATH ?? DEFAULT_PATH,
    HOME: user?.home ?? inherited.HOME ?? '/',
  };
  for (const name of ['LANG', 'TZ']) {
    const value = inherited[name];
    if (value !== undefined) env[name] = value;
  }
  if (tmpDir !== null) env.TMPDIR = tmpDir;
  for (const [name, value] of Object.entries(spec.engine.env)) env[name] = expand(value, values);
  for (const [name, { file }] of Object.entries(spec.engine.envFrom)) {
    const secret = secretIn(file);
    if ('problem' in secret) return { problem: `cannot read envFrom.${name}: ${secret.problem}` };
    env[name] = secret.value;
  }
  if (device !== null) {
    env.CUDA_VISIBLE_DEVICES = device;
    env.CUDA_DEVICE_ORDER = 'PCI_BUS_ID';
    env.ROCR_VISIBLE_DEVICES = device;
  }
  if (notifySocket !== null) env.NOTIFY_SOCKET = notifySocket;
  env.POOLD_INSTANCE = of.instance;
  env.POOLD_POOL = ref.pool;
  env.POOLD_REPLICA = String(ref.replica);
  env.POOLD_GENERATION = String(ref.generation);
  return { env };
}

function secretIn(file: string): { readonly value: string } | { readonly problem: string } {
  let descriptor: number | undefined;
  try {
    // O_NONBLOCK: a FIFO in its place must not stop the daemon until somebody writes to it.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return { problem: `${file} is no regular file` };
    if (stat.size > MAX_SECRET_BYTES) return { problem: `${file} is larger than 64 KiB` };
    const text = readFileSync(descriptor);
    if (text.includes(0)) return { problem: `${file} holds a NUL byte` };
    return { value: text.toString('utf8').replace(/(?:\r?\n)+$/, '') };
  } catch (cause) {
    return { problem: `${file}: ${(cause as NodeJS.ErrnoException).code}` };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
