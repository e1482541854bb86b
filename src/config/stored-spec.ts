/** Specs out of a database that an older poold wrote, and whether they say what the file says now. Pure. */
import { BUILT_IN_PATTERNS } from './crash-patterns.ts';
import { kindLayers } from './kinds.ts';
import { mergePools } from './merge.ts';
import { resolvePool } from './resolve.ts';
import type { Kind, PoolSpec } from './spec.ts';
import { reloadInPlace } from './surge.ts';

/** Keys that came after the first databases; within the others some may be missing too. */
type Later = 'inUse' | 'leases' | 'queue' | 'drain' | 'reload';
export type StoredSpec = Omit<PoolSpec, Later> & Partial<Pick<PoolSpec, Later>>;

/** The spec with every key: what an older poold did not know is as for a pool of its kind that says nothing. What is there stays as it is. */
export function completedSpec(spec: StoredSpec): PoolSpec {
  const defaults = defaultsOf(spec.kind);
  const reload = spec.reload ?? reloadInPlace({ engine: spec.engine, reload: defaults.reload });
  return filled({ ...spec, reload }, defaults) as PoolSpec;
}

/** Whether both say the same, whatever poold knew when it read them: the order of keys and the built-in patterns are not the file's. */
export function sameSpec(one: PoolSpec, other: PoolSpec): boolean {
  return textOf(one) === textOf(other);
}

function textOf(spec: PoolSpec): string {
  const own = spec.crashPatterns.filter((entry) => !BUILT_IN.has(patternText(entry)));
  return JSON.stringify({ ...spec, crashPatterns: own }, (_key, value: unknown) =>
    isMap(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
}

function patternText({ pattern, class: name }: PoolSpec['crashPatterns'][number]): string {
  return `${name} ${pattern}`;
}

const BUILT_IN: ReadonlySet<string> = new Set(BUILT_IN_PATTERNS.map(patternText));

/** Only what is missing; an action asks in its own way, and takes nothing from another. */
function filled(there: unknown, defaults: unknown): unknown {
  if (there === undefined) return defaults;
  if (!isMap(there) || !isMap(defaults) || there.by !== defaults.by) return there;
  const whole = { ...there };
  for (const [name, value] of Object.entries(defaults)) {
    // Which classes there are is the file's to say.
    if (name !== 'classes' || !(name in there)) whole[name] = filled(there[name], value);
  }
  return whole;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function defaultsOf(kind: Kind): PoolSpec {
  const known = DEFAULTS.get(kind) ?? resolvePool(kind, mergePools(kindLayers(kind)));
  DEFAULTS.set(kind, known);
  return known;
}

const DEFAULTS = new Map<Kind, PoolSpec>();
