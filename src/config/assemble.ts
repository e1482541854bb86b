/** From the texts of one configuration to its spec and everything that is wrong with it, all at once. Reads no file. */
import { complete } from './complete.ts';
import { hostFindings } from './host-rules.ts';
import { parsePart } from './issues.ts';
import { kindLayers } from './kinds.ts';
import { mergePools } from './merge.ts';
import { hint } from './nearest.ts';
import { anchorDaemon, anchorPool, withConfigDir } from './paths.ts';
import type { PoolInput } from './pool-schema.ts';
import { poolSchema } from './pool-schema.ts';
import type { Finding, Path, Problem } from './problem.ts';
import { failure, isWithin, pathText, warning, wrongKey } from './problem.ts';
import { resolveDaemon, resolvePool } from './resolve.ts';
import { poolFindings } from './rules.ts';
import { shown } from './scalars.ts';
import { configSchema, daemonSchema, POOL_NAME, POOL_NAME_NEED } from './schema.ts';
import type { Source, Spot } from './source.ts';
import type { ConfigSpec, PoolSpec } from './spec.ts';
import { reloadInPlace } from './surge.ts';

export interface Assembled {
  /** Null as soon as there is one error. */
  readonly spec: ConfigSpec | null;
  /** By file and place, each only once. */
  readonly problems: readonly Problem[];
}

/** More would help nobody, and a hostile file could make millions. */
export const MAX_PROBLEMS = 1_000;

/** The first source is the main file; the others, out of `pools.d`, may hold pools only. */
export function assemble(sources: readonly Source[]): Assembled {
  const report = new Report();
  for (const source of sources) for (const finding of source.findings) report.at(source, finding, finding.spot);
  const layers = sources.map((source, index) => topLevel(source, index === 0, report));
  const main = sources[0];
  const defaults = main ? parseDefaults(main, layers[0]?.defaults, report) : {};
  const { daemon, wrong } = main ? parseDaemon(main, layers[0]?.daemon ?? {}, report) : { daemon: {}, wrong: [] };
  const pools = assemblePools(sources, layers, { main, defaults, report });
  const spec: ConfigSpec = { daemon: resolveDaemon(daemon), pools: pools.map(({ spec: pool }) => pool) };
  if (main) {
    const homes = new Map(pools.map(({ spec: pool, source }) => [pool.name, source]));
    for (const finding of hostFindings(spec)) {
      const [top, name, ...rest] = finding.path;
      if (top === 'pools') report.pool({ ...finding, path: rest }, String(name), homes.get(String(name)) ?? main, main);
      else if (!wrong.some((path) => isWithin(finding.path, path))) report.add(main, finding);
    }
    if (pools.length === 0 && !report.failed) report.add(main, warning(['pools'], 'cannot keep anything alive: there are no pools'));
  }
  return { spec: report.failed ? null : spec, problems: report.sorted(sources.map(({ file }) => file)) };
}

interface Layer {
  readonly daemon: Readonly<Record<string, unknown>>;
  readonly defaults: unknown;
  readonly pools: Readonly<Record<string, unknown>>;
}

function topLevel(source: Source, isMain: boolean, report: Report): Layer {
  const raw = source.value === undefined ? {} : withConfigDir(source.value, source.directory);
  if (!isMapping(raw)) {
    report.add(source, failure([], `cannot use ${shown(raw)}: a map with pools is needed`));
    return { daemon: {}, defaults: undefined, pools: {} };
  }
  const { defaults, pools, ...rest } = raw;
  const daemon: Record<string, unknown> = {};
  const known = Object.keys(configSchema.shape);
  for (const [name, value] of Object.entries(rest)) {
    if (!known.includes(name)) report.add(source, wrongKey([name], `cannot use ${shown(name)}: unknown key; ${topLevelHint(name, known)}`));
    else if (isMain) daemon[name] = value;
    else report.add(source, wrongKey([name], `cannot use ${name} here: a file of pools.d holds pools only, write it in the main file`));
  }
  if (!isMain && defaults !== undefined) {
    report.add(source, wrongKey(['defaults'], 'cannot use defaults here: a file of pools.d holds pools only, write them in the main file'));
  }
  if (pools !== undefined && !isMapping(pools))
    report.add(source, failure(['pools'], `cannot use ${shown(pools)}: a map of pools is needed`));
  return { daemon, defaults, pools: isMapping(pools) ? pools : {} };
}

function topLevelHint(name: string, known: readonly string[]): string {
  return Object.hasOwn(poolSchema.shape, name) ? `it is a key of a pool: pools.NAME.${name} or defaults.${name}` : hint(name, known);
}

/** `wrong` are keys that were left out: that they are missing is no second problem. */
function parseDaemon(main: Source, raw: unknown, report: Report) {
  const { data, findings } = parsePart(daemonSchema, raw, []);
  for (const finding of findings) report.add(main, finding);
  return { daemon: anchorDaemon(data ?? {}, main.directory), wrong: findings.map(({ path }) => path) };
}

function parseDefaults(main: Source, raw: unknown, report: Report): PoolInput {
  const { data, findings } = parsePart(poolSchema, raw, ['defaults']);
  for (const finding of findings) report.add(main, finding);
  return anchorPool(data ?? {}, main.directory);
}

interface Ground {
  readonly main: Source | undefined;
  readonly defaults: PoolInput;
  readonly report: Report;
}

interface Placed {
  readonly spec: PoolSpec;
  readonly source: Source;
}

function assemblePools(sources: readonly Source[], layers: readonly Layer[], ground: Ground): Placed[] {
  const placed = new Map<string, Placed>();
  const owners = new Map<string, Source>();
  for (const [index, source] of sources.entries()) {
    for (const [name, raw] of Object.entries(layers[index]?.pools ?? {})) {
      const owner = owners.get(name);
      if (!POOL_NAME.test(name)) {
        ground.report.add(source, wrongKey(['pools', name], `cannot use ${shown(name)}: ${POOL_NAME_NEED} is needed`));
      } else if (owner) {
        const { line } = owner.spot(['pools', name], 'key');
        ground.report.add(source, wrongKey(['pools', name], `cannot use ${name} twice: ${owner.file}:${line} has a pool of that name`));
      } else {
        owners.set(name, source);
        placed.set(name, { spec: assemblePool(name, raw, source, ground), source });
      }
    }
  }
  return [...placed.values()];
}

function assemblePool(name: string, raw: unknown, source: Source, { main = source, defaults, report }: Ground): PoolSpec {
  const base: Path = ['pools', name];
  const { data, findings } = parsePart(poolSchema, raw, base);
  for (const finding of findings) report.add(source, finding);
  const own = anchorPool(data ?? {}, source.directory);
  const kind = own.kind ?? defaults.kind ?? 'worker';
  const merged = complete(mergePools([...kindLayers(kind), defaults, own]));
  const spec = resolvePool(name, merged.pool);
  const wrote = (path: Path): boolean => source.has([...base, ...path]) || main.has(['defaults', ...path]);
  // A key that is wrong was left out: that it is missing is no second problem, and a warning could come of that alone.
  const wrong = findings.map(({ path }) => path.slice(base.length));
  const lacks =
    data === null ? [] : merged.findings.filter(({ path }) => !wrong.some((other) => isWithin(path, other) || isWithin(other, path)));
  const rest = poolFindings(spec, wrote).filter(
    ({ path, severity }) => wrong.length === 0 || (severity === 'error' && !wrong.some((other) => isWithin(path, other))),
  );
  for (const finding of [...lacks, ...rest]) report.pool(finding, name, source, main);
  // ORDER: behind the rules, which speak of what was written.
  return { ...spec, reload: reloadInPlace(spec) };
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Gathers problems, each once: what stands in `defaults` is found again with every pool. */
class Report {
  failed = false;
  readonly #problems = new Map<string, Problem>();

  /** A finding about a pool stands in its own file, or in `defaults` where the key was written there. */
  pool(finding: Finding, name: string, source: Source, main: Source): void {
    const own = ['pools', name, ...finding.path];
    const shared = ['defaults', ...finding.path];
    if (!source.has(own) && main.has(shared)) this.add(main, { ...finding, path: shared });
    else this.add(source, { ...finding, path: own });
  }

  add(source: Source, finding: Finding): void {
    this.at(source, finding, source.spot(finding.path, finding.at ?? 'value'));
  }

  at(source: Source, finding: Finding, { line, column }: Spot): void {
    if (finding.severity === 'error') this.failed = true;
    if (this.#problems.size >= MAX_PROBLEMS) return;
    const problem = { file: source.file, line, column, path: pathText(finding.path), message: finding.message, severity: finding.severity };
    const id = JSON.stringify(problem);
    if (!this.#problems.has(id)) this.#problems.set(id, problem);
  }

  /** `files` in the order that they were read in. */
  sorted(files: readonly string[]): Problem[] {
    return [...this.#problems.values()].sort(
      (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
    );
  }
}
