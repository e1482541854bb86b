/**
 * The files that tell other programs of an engine: `<runtime>/engines/<pool>-<replica>.pid` from the spawn on, and beside it the handoff file (JSON) from
 * ready on. Both are replaced by rename, and removed only by the generation they name. contract.md, "Processes and paths".
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { PoolSpec } from '../config/spec.ts';
import { failpoint } from '../failpoint.ts';
import { readSmall, writeBeside } from '../own-file.ts';
import { expandAll } from './environment.ts';
import type { EngineRef, Identity } from './identity.ts';
import { engineId, fileStem } from './identity.ts';
import { engineUrl, templateValues } from './url.ts';

export interface HandoffOrder {
  readonly ref: EngineRef;
  readonly spec: PoolSpec;
  readonly identity: Identity;
  readonly port: number | null;
  readonly device: string | null;
}

const SECRET_FLAG = /(?:key|token|secret|password|passwd|credential)s?$/i;

export class Handoffs {
  readonly #dir: string;

  /** `dir` is made if it is not there. */
  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o750 });
  }

  writePid(ref: EngineRef, pid: number): void {
    this.#replace(`${fileStem(ref)}.pid`, `${pid}\n`);
  }

  write(order: HandoffOrder): void {
    const { ref, spec, identity, port, device } = order;
    const command = expandAll(spec.engine.command, templateValues(order));
    const content = {
      pool: ref.pool,
      replica: ref.replica,
      generation: ref.generation,
      engine: engineId(ref),
      pid: identity.pid,
      url: engineUrl({ spec, ref, port, device }),
      version: spec.engine.version,
      model: spec.engine.vars.model ?? null,
      devices: device,
      slots: spec.slots,
      command: withoutSecrets(command),
    };
    this.#replace(`${fileStem(ref)}.json`, `${JSON.stringify(content)}\n`);
  }

  /** Takes the handoff file away, when it is this generation's. */
  remove(ref: EngineRef): void {
    const path = join(this.#dir, `${fileStem(ref)}.json`);
    if (generationIn(path) === ref.generation) rmSync(path, { force: true });
  }

  /** Takes the pid file away, when it names this process. */
  removePid(ref: EngineRef, pid: number): void {
    const path = join(this.#dir, `${fileStem(ref)}.pid`);
    if (readSmall(path) === `${pid}\n`) rmSync(path, { force: true });
  }

  /** ORDER: whole beside it first, then in its place by rename: a reader sees the old file or the new one. */
  #replace(name: string, text: string): void {
    const path = join(this.#dir, name);
    const fresh = writeBeside(path, text, 0o640);
    failpoint('file:written');
    renameSync(fresh, path);
    failpoint('file:renamed');
  }
}

function generationIn(path: string): number | null {
  try {
    const { generation } = JSON.parse(readSmall(path) ?? '') as { generation?: unknown };
    return typeof generation === 'number' ? generation : null;
  } catch {
    return null;
  }
}

/** The value of a flag that is called like a secret, `--api-key x` or `--api-key=x`, is left out. */
export function withoutSecrets(command: readonly string[]): string[] {
  return command.map((word, index) => {
    const before = command[index - 1] ?? '';
    if (before.startsWith('-') && SECRET_FLAG.test(before) && !word.startsWith('-')) return '***';
    const [flag = '', ...value] = word.split('=');
    return value.length > 0 && SECRET_FLAG.test(flag) ? `${flag}=***` : word;
  });
}
