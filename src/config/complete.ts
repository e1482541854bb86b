/** What a pool lacks once all of its layers are merged. Pure. */
import type { PoolInput } from './pool-schema.ts';
import { ACTIONS } from './probe-schema.ts';
import type { Finding, Path } from './problem.ts';
import { failure } from './problem.ts';

export interface Completed {
  /** The pool without the parts that lack something, so that the other rules can go on. */
  readonly pool: PoolInput;
  /** Paths within the pool. */
  readonly findings: readonly Finding[];
}

export function complete(pool: PoolInput): Completed {
  const findings: Finding[] = [];
  if (pool.engine?.command === undefined) {
    findings.push(
      failure(['engine', 'command'], 'cannot start an engine without a command: write engine.command as a list, [program, argument, …]'),
    );
  }
  const engine = { ...pool.engine };
  for (const hook of ['prepare', 'preflight'] as const) {
    const value = engine[hook];
    if (value === undefined || value === 'none' || value.command) continue;
    findings.push(noCommand(['engine', hook, 'command']));
    delete engine[hook];
  }
  const completed = { ...pool, engine };
  if (pool.onExit !== undefined && pool.onExit !== 'none' && !pool.onExit.command) {
    findings.push(noCommand(['onExit', 'command']));
    delete completed.onExit;
  }
  if (pool.inUse !== undefined && pool.inUse !== 'none' && pool.inUse.gauge === undefined) {
    findings.push(
      failure(['inUse', 'gauge'], 'cannot tell who uses an engine without a gauge: name a metric of the engine, or write inUse: none'),
    );
    delete completed.inUse;
  }
  const probes: Record<string, unknown> = { ...pool.probes };
  for (const [name, probe] of Object.entries(pool.probes ?? {})) {
    const lacks = probe === undefined || probe === 'none' ? [] : probeLacks(name, probe);
    if (lacks.length > 0) delete probes[name];
    findings.push(...lacks);
  }
  return { pool: { ...completed, probes: probes as NonNullable<PoolInput['probes']> }, findings };
}

type Fields = Readonly<Record<string, unknown>>;

function probeLacks(name: string, probe: Fields): Finding[] {
  const path = ['probes', name];
  if (name === 'progress') {
    return ['busy', 'counter']
      .filter((field) => probe[field] === undefined)
      .map((field) => failure([...path, field], `cannot see progress without ${field}: name a metric of the engine`));
  }
  const action = ACTIONS.find((known) => probe[known] !== undefined);
  if (action === undefined) {
    const ways = name === 'startup' ? 'httpGet, tcpSocket, exec, logLine or notify' : 'httpGet, tcpSocket or exec';
    return [failure(path, `cannot probe without a way to ask: write ${ways}, or take the probe away with ${name}: none`)];
  }
  const details = probe[action] as Fields;
  if (action === 'exec' && details.command === undefined) return [noCommand([...path, 'exec', 'command'])];
  if (action === 'logLine' && details.pattern === undefined) {
    return [failure([...path, 'logLine', 'pattern'], 'cannot look for a line without a pattern: write logLine: { pattern: … }')];
  }
  return [];
}

function noCommand(path: Path): Finding {
  return failure(path, 'cannot run it without a command: write command as a list, [program, argument, …]');
}
