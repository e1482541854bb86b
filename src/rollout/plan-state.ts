/** How a pool's engines would be replaced, and by what: product.md, "Reload". Questions. */
import type { PoolSpec, ReloadStrategy } from '../config/spec.ts';
import { surgeHindrance } from '../config/surge.ts';
import type { Executable } from '../engine/engine-state.ts';
import { livePhase } from '../engine/engine-state.ts';
import { PooldError } from '../errors.ts';
import type { ReloadCommand } from '../pool/host.ts';
import type { PoolState } from '../pool/pool-state.ts';
import { poolStateName } from '../pool/standing-state.ts';
import { currentSpec, specOf } from '../pool/turn.ts';
import { wantedReplicas } from '../pool/wanted-state.ts';
import type { RolloutShape, RolloutStrategy, Sets, SetValue } from './rollout.ts';

/** What is done of what was asked: `blue-green` where it can be had, and never more beside than there is room for. */
export function shapeOf(state: PoolState, asked: ReloadStrategy | null): RolloutShape {
  const spec = currentSpec(state);
  const wanted = Math.max(1, wantedReplicas(state).length);
  const room = surgeRoom(spec, state.replicas.count);
  const given = asked ?? spec.reload.strategy;
  const strategy: RolloutStrategy = given === 'auto' ? (room === Number.POSITIVE_INFINITY ? 'blue-green' : 'rolling') : given;
  if (strategy === 'recreate') return { strategy, maxSurge: 0, maxUnavailable: wanted, notes: [] };
  if (strategy === 'blue-green' && room >= wanted) return { strategy, maxSurge: wanted, maxUnavailable: 0, notes: [] };
  const { maxSurge, maxUnavailable } = spec.reload;
  const surge = Math.min(maxSurge, room);
  const notes = [
    ...(strategy === 'blue-green' ? [`rolling instead of blue-green: ${hindranceOf(spec)}, there is room for ${room} of ${wanted}`] : []),
    ...(surge > 0 && surge < maxSurge ? [`maxSurge is ${surge} instead of ${maxSurge}: ${hindranceOf(spec)}`] : []),
    ...(room === 0 ? [`maxSurge is 0: ${hindranceOf(spec)}, so the old engine goes before the new one comes`] : []),
  ];
  return { strategy: 'rolling', maxSurge: surge, maxUnavailable: surge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable, notes };
}

function hindranceOf({ engine }: PoolSpec): string {
  if (engine.devices !== null) return 'its devices are taken';
  return typeof engine.port === 'number' ? 'its port is fixed' : 'its range of ports has none to spare';
}

/** How many engines could run beside the old ones. */
export function surgeRoom({ engine }: PoolSpec, replicas: number): number {
  if (surgeHindrance(engine) !== null || typeof engine.port === 'number') return 0;
  return engine.port === 'auto' ? Number.POSITIVE_INFINITY : Math.max(0, engine.port[1] - engine.port[0] + 1 - replicas);
}

/** The refusal of a reload, or null. */
export function reloadRefusal(state: PoolState, command: ReloadCommand): PooldError | null {
  const spec = currentSpec(state);
  const cannot = (code: 'invalid_request' | 'invalid_config' | 'forbidden', why: string): PooldError =>
    new PooldError(code, `cannot reload ${state.name}: ${why}`, { pool: state.name });
  if (command.strategy === 'blue-green' && surgeRoom(spec, state.replicas.count) < wantedReplicas(state).length) {
    return cannot(
      'invalid_config',
      'blue-green needs room for all new engines beside the old ones, and its ports or devices are fixed; use rolling',
    );
  }
  if (command.version?.includes('\0')) return cannot('invalid_request', 'the version holds a NUL');
  for (const [name, value] of Object.entries(command.vars)) {
    if (!Object.hasOwn(spec.engine.vars, name)) {
      const known = Object.keys(spec.engine.vars);
      return cannot(
        'invalid_request',
        `there is no variable ${JSON.stringify(name)}; ${known.length === 0 ? 'engine.vars has none' : `there are ${known.join(', ')}`}`,
      );
    }
    if (value.includes('\0')) return cannot('invalid_request', `the value of ${name} holds a NUL`);
    const pattern = Object.hasOwn(spec.engine.settable, name) ? spec.engine.settable[name] : undefined;
    if (pattern === undefined && !command.admin) return cannot('forbidden', `${name} is not settable: setting it takes the role admin`);
    if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) {
      return cannot('invalid_request', `the value of ${name} does not match ${pattern}, as engine.settable demands`);
    }
  }
  return null;
}

/** A spec of the pool's, and what of it a person has set. */
export interface Base {
  readonly specId: string;
  readonly spec: PoolSpec;
  readonly sets: Sets;
}

/** What the pool's spec is, and what it will be if the reload that is under way comes to its commit. */
export function basesOf(state: PoolState): Base[] {
  const present = { specId: state.specId, spec: currentSpec(state), sets: state.sets };
  const { rollout } = state;
  if (rollout === null || rollout.toSpecId === state.specId) return [present];
  return [present, { specId: rollout.toSpecId, spec: specOf(state, rollout.toSpecId), sets: rollout.sets }];
}

/** The spec that the command makes of it, and what it puts in the place of the file's. */
export function reloadedSpec(
  base: Base,
  command: ReloadCommand,
  stamp: Omit<SetValue, 'value' | 'fileValue'>,
): { readonly spec: PoolSpec; readonly sets: Sets } {
  const before = base.spec;
  const set = (value: string | null, there: SetValue | null, present: string | null): SetValue => ({
    ...stamp,
    value,
    fileValue: there === null ? present : there.fileValue,
  });
  const { version } = command;
  const vars = Object.entries(command.vars).map(
    ([name, value]) => [name, set(value, own(base.sets.vars, name), own(before.engine.vars, name))] as const,
  );
  const sets: Sets = {
    version: version === null ? base.sets.version : set(version, base.sets.version, before.engine.version),
    vars: { ...base.sets.vars, ...Object.fromEntries(vars) },
  };
  return { spec: withSets(before, sets), sets };
}

/** A spec with what a person has set over it. */
export function withSets(spec: PoolSpec, sets: Sets): PoolSpec {
  const vars = Object.entries(sets.vars).flatMap(([name, { value }]) => (value === null ? [] : [[name, value] as const]));
  if (vars.length === 0 && sets.version === null) return spec;
  return {
    ...spec,
    engine: {
      ...spec.engine,
      version: sets.version === null ? spec.engine.version : sets.version.value,
      vars: { ...spec.engine.vars, ...Object.fromEntries(vars) },
    },
  };
}

/** What is left of it against another file: each lives until the file changes its key, or drops it. */
export function setsKept(sets: Sets, file: PoolSpec): Sets {
  const vars = Object.entries(sets.vars).filter(([name, { fileValue }]) => fileValue !== null && own(file.engine.vars, name) === fileValue);
  return {
    version: sets.version !== null && sets.version.fileValue === file.engine.version ? sets.version : null,
    vars: Object.fromEntries(vars),
  };
}

/**
 * Nothing would be different afterwards: the same spec, and of each engine that lives the executable that lies there now. Of a failed pool nothing
 * lives to be looked at, and what failed it may have been mended under the same name: there a candidate is tried.
 */
export function isUnchanged(state: PoolState, to: { readonly specId: string; readonly executable: Executable | null }): boolean {
  if (to.specId !== state.specId || poolStateName(state) === 'failed') return false;
  return state.engines.every((engine) => {
    const run = livePhase(engine)?.run;
    return run === undefined || (run.specId === to.specId && sameFile(run.executable, to.executable));
  });
}

/** Where one of them is not known, nothing speaks for a change. */
function sameFile(one: Executable | null, other: Executable | null): boolean {
  if (one === null || other === null) return true;
  return one.path === other.path && one.inode === other.inode && one.modifiedMs === other.modifiedMs && one.bytes === other.bytes;
}

/** What differs, one line each. */
export function changesOf(before: PoolSpec, after: PoolSpec): string[] {
  const lines = Object.keys(after.engine.vars).flatMap((name) => {
    const [was, is] = [own(before.engine.vars, name), own(after.engine.vars, name)];
    return was === is ? [] : [`engine.vars.${name}: ${JSON.stringify(was)} -> ${JSON.stringify(is)}`];
  });
  const { version } = after.engine;
  return before.engine.version === version
    ? lines
    : [`engine.version: ${JSON.stringify(before.engine.version)} -> ${JSON.stringify(version)}`, ...lines];
}

/** What it has under that name, which may be one that every object knows, like `constructor`. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | null {
  return Object.hasOwn(record, name) ? (record[name] ?? null) : null;
}
