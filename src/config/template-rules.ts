/** Rules about `${…}` in a pool, and about texts that no process could be given. Pure. */
import { hint } from './nearest.ts';
import type { Finding, Path } from './problem.ts';
import { failure, warning } from './problem.ts';
import type { PoolSpec, StartupAction } from './spec.ts';
import { templateNames } from './template.ts';

/** Names that mean something for the whole pool; `prepare` runs once for it and knows no others. */
const POOL_NAMES = ['host', 'slots', 'pool'] as const;
/** Names that mean something for one engine. */
const ENGINE_NAMES = ['port', 'host', 'slots', 'devices', 'pool', 'replica', 'generation'] as const;

/** Whether the file has something at a path of the pool, right or wrong. */
export type Wrote = (path: Path) => boolean;

interface Templated {
  readonly path: Path;
  readonly text: string;
}

export function templateFindings(pool: PoolSpec, wrote: Wrote): Finding[] {
  const prepare = list(['engine', 'prepare', 'command'], pool.engine.prepare?.command);
  const findings = [
    ...engineTexts(pool).flatMap((one) => nameFindings(one, pool, wrote, false)),
    ...prepare.flatMap((one) => nameFindings(one, pool, wrote, true)),
  ];
  for (const { path, text } of [...engineTexts(pool), ...prepare, ...map(['engine', 'vars'], pool.engine.vars)]) {
    if (text.includes('\0')) findings.push(warning(path, 'cannot reach a process: it holds a NUL, each start that needs it will fail'));
  }
  return findings;
}

/** Whether `${port}` stands anywhere in the pool; `told` is whether the engine itself gets to see it. */
export function portUse(pool: PoolSpec): { readonly told: boolean; readonly used: boolean } {
  const uses = ({ text }: Templated): boolean => templateNames(text).includes('port');
  const told = [...list([], pool.engine.command), ...map([], pool.engine.env), ...list([], [pool.engine.workingDirectory ?? ''])].some(
    uses,
  );
  return { told, used: told || engineTexts(pool).some(uses) };
}

function engineTexts(pool: PoolSpec): Templated[] {
  const { engine, probes } = pool;
  return [
    ...list(['engine', 'command'], engine.command),
    ...list(['engine', 'preflight', 'command'], engine.preflight?.command),
    ...map(['engine', 'env'], engine.env),
    ...one(['engine', 'workingDirectory'], engine.workingDirectory),
    ...one(['engine', 'advertise'], engine.advertise),
    ...list(['onExit', 'command'], pool.onExit?.command),
    ...list(['stop', 'command'], pool.stop.command ?? undefined),
    ...actionTexts(['probes', 'startup'], probes.startup?.action),
    ...actionTexts(['probes', 'readiness'], probes.readiness?.action),
    ...actionTexts(['probes', 'liveness'], probes.liveness?.action),
    ...actionTexts(['probes', 'progress'], probes.progress ? { by: 'httpGet', ...probes.progress } : undefined),
    ...actionTexts(['inUse'], pool.inUse ? { by: 'httpGet', ...pool.inUse } : undefined),
  ];
}

function actionTexts(path: Path, action: StartupAction | undefined): Templated[] {
  switch (action?.by) {
    case 'httpGet':
      return [
        ...one([...path, 'httpGet', 'path'], action.path),
        ...one([...path, 'httpGet', 'port'], action.port),
        ...map([...path, 'httpGet', 'headers'], action.headers),
      ];
    case 'tcpSocket':
      return one([...path, 'tcpSocket', 'port'], action.port);
    case 'exec':
      return list([...path, 'exec', 'command'], action.command);
    default:
      return [];
  }
}

function one(path: Path, text: string | null): Templated[] {
  return text === null ? [] : [{ path, text }];
}

function list(path: Path, texts: readonly string[] = []): Templated[] {
  return texts.map((text, index) => ({ path: [...path, index], text }));
}

function map(path: Path, texts: Readonly<Record<string, string>>): Templated[] {
  return Object.entries(texts).map(([name, text]) => ({ path: [...path, name], text }));
}

function nameFindings({ path, text }: Templated, pool: PoolSpec, wrote: Wrote, oncePerPool: boolean): Finding[] {
  const findings = templateNames(text).flatMap((name) => {
    const fault = nameFault(name, pool, wrote, oncePerPool);
    return fault === null ? [] : [failure(path, fault)];
  });
  if (text.replaceAll(/\$\$\{|\$\{[^}]*\}/g, '').includes('${')) {
    findings.push(failure(path, 'cannot read the template: ${ without a }; write $${ for a literal ${'));
  }
  return findings;
}

function nameFault(name: string, pool: PoolSpec, wrote: Wrote, oncePerPool: boolean): string | null {
  const vars = Object.keys(pool.engine.vars);
  if (name.startsWith('vars.')) {
    if (Object.hasOwn(pool.engine.vars, name.slice(5)) || wrote(['engine', 'vars', name.slice(5)])) return null;
    return `cannot fill in \${${name}}: engine.vars has no ${JSON.stringify(name.slice(5))}; ${hint(name.slice(5), vars)}`;
  }
  const isEngineName = ENGINE_NAMES.some((known) => known === name);
  if (oncePerPool && isEngineName && !POOL_NAMES.some((known) => known === name)) {
    return `cannot fill in \${${name}} here: prepare runs once for the whole pool; ${hint('', POOL_NAMES)}, vars.…`;
  }
  if (name === 'devices' && pool.engine.devices === null && !wrote(['engine', 'devices'])) {
    return 'cannot fill in ${devices}: the pool has no engine.devices';
  }
  if (isEngineName) return null;
  const names = [...(oncePerPool ? POOL_NAMES : ENGINE_NAMES), 'configDir', ...vars.map((one) => `vars.${one}`)];
  return `cannot fill in \${${name}}: unknown name; ${hint(name, names)} (write $\${${name}} for a literal \${${name}})`;
}
