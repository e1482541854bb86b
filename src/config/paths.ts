/**
 * Paths in the file that are not absolute start from the directory of the file, wherever the daemon was started. A program without a slash
 * is left to PATH, and `${configDir}` stands for that directory in any text.
 */
import { resolve } from 'node:path';
import type { PoolInput } from './pool-schema.ts';
import type { DaemonInput } from './schema.ts';

/** `value` with `${configDir}` filled in, in every text of it. */
export function withConfigDir(value: unknown, directory: string): unknown {
  if (typeof value === 'string') {
    return value.includes('${configDir}')
      ? value.replaceAll(/\$\$\{|\$\{configDir\}/g, (found) => (found === '$${' ? found : directory))
      : value;
  }
  if (Array.isArray(value)) return value.map((item) => withConfigDir(item, directory));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withConfigDir(inner, directory)]));
}

export function anchorPool(pool: PoolInput, directory: string): PoolInput {
  const anchored = { ...pool };
  const { engine, onExit, probes, stop } = pool;
  if (engine) anchored.engine = anchorEngine(engine, directory);
  if (onExit && onExit !== 'none') anchored.onExit = anchorCommand(onExit, directory);
  if (stop?.command && stop.command !== 'none') anchored.stop = { ...stop, command: anchorArgv(stop.command, directory) };
  if (probes) {
    anchored.probes = Object.fromEntries(
      Object.entries(probes).map(([name, probe]) => {
        if (probe === undefined || probe === 'none' || !('exec' in probe) || !probe.exec) return [name, probe];
        return [name, { ...probe, exec: anchorCommand(probe.exec, directory) }];
      }),
    );
  }
  return anchored;
}

export function anchorDaemon(daemon: DaemonInput, directory: string): DaemonInput {
  const anchored = { ...daemon };
  const tcp = daemon.listen?.tcp;
  if (tcp) {
    const tokensFile = tcp.tokensFile === undefined ? {} : { tokensFile: anchor(tcp.tokensFile, directory) };
    const tls = tcp.tls === undefined ? {} : { tls: { cert: anchor(tcp.tls.cert, directory), key: anchor(tcp.tls.key, directory) } };
    anchored.listen = { ...daemon.listen, tcp: { ...tcp, ...tokensFile, ...tls } };
  }
  if (daemon.handoff?.external !== undefined) {
    anchored.handoff = { ...daemon.handoff, external: anchor(daemon.handoff.external, directory) };
  }
  return anchored;
}

type Engine = NonNullable<PoolInput['engine']>;

function anchorEngine(engine: Engine, directory: string): Engine {
  const anchored: Engine = { ...engine };
  if (engine.command) anchored.command = anchorArgv(engine.command, directory);
  for (const hook of ['prepare', 'preflight'] as const) {
    const value = engine[hook];
    if (value && value !== 'none') anchored[hook] = anchorCommand(value, directory);
  }
  if (engine.workingDirectory !== undefined) anchored.workingDirectory = anchor(engine.workingDirectory, directory);
  if (engine.envFrom) {
    anchored.envFrom = Object.fromEntries(
      Object.entries(engine.envFrom).map(([name, { file }]) => [name, { file: anchor(file, directory) }]),
    );
  }
  return anchored;
}

function anchorCommand<T extends { command?: string[] | undefined }>(value: T, directory: string): T {
  return value.command ? { ...value, command: anchorArgv(value.command, directory) } : value;
}

function anchorArgv(argv: readonly string[], directory: string): string[] {
  const [program = '', ...rest] = argv;
  return [program.includes('/') ? anchor(program, directory) : program, ...rest];
}

/** What begins with a template says itself where it starts. */
function anchor(path: string, directory: string): string {
  return path.startsWith('${') || path.startsWith('/') ? path : resolve(directory, path);
}
