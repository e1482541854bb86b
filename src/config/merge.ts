/** How layers of a pool become one: maps key by key, everything else (lists too) replaces. */
import type { PoolInput } from './pool-schema.ts';
import { ACTIONS } from './probe-schema.ts';

/** `layers` lowest first; the arguments are left as they are. */
export function mergePools(layers: readonly PoolInput[]): PoolInput {
  return layers.reduce<PoolInput>((below, above) => merge(below, above, []) as PoolInput, {});
}

function merge(below: unknown, above: unknown, path: readonly string[]): unknown {
  if (above === undefined) return below;
  if (!isMap(below) || !isMap(above)) return above;
  const merged: Record<string, unknown> = { ...below };
  // A probe asks in one way: an `exec` above takes the place of the `httpGet` below, it does not join it.
  if (isProbe(path) && ACTIONS.some((action) => above[action] !== undefined)) {
    for (const action of ACTIONS) if (above[action] === undefined) delete merged[action];
  }
  for (const [name, value] of Object.entries(above)) merged[name] = merge(merged[name], value, [...path, name]);
  return merged;
}

function isProbe(path: readonly string[]): boolean {
  return path.length === 2 && path[0] === 'probes';
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
