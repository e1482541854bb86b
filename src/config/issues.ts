/** One part of the file against its schema: every issue in words, with the nearest key for a wrong one, and what of the part can be used all the same. */
import type { z } from 'zod';
import { hint } from './nearest.ts';
import type { Finding, Path } from './problem.ts';
import { failure, isWithin, wrongKey } from './problem.ts';

export interface Parsed<T> {
  /** Without the keys that are wrong; null where nothing is left to go on with. */
  readonly data: T | null;
  /** Paths start with `base`. */
  readonly findings: readonly Finding[];
}

/** Parses `raw`, which stands at `base` in the file. Keys that are wrong are reported and left out, so that the rules can look at the rest. */
export function parsePart<T extends z.ZodType>(schema: T, raw: unknown, base: Path): Parsed<z.output<T>> {
  const first = schema.safeParse(raw ?? {});
  if (first.success) return { data: first.data, findings: [] };
  const found = reportsOf(schema, first.error);
  const findings = found.map(({ path, message, at }) => (at === 'key' ? wrongKey : failure)([...base, ...path], message));
  let rest: unknown = raw;
  let wrong = found.map(({ path }) => path);
  // What is missing cannot be taken out, but the map that lacks it can: hence the third step.
  for (const cure of [quoted, without, withoutHolder]) {
    rest = cure(rest, wrong, []);
    const next = schema.safeParse(rest);
    if (next.success) return { data: next.data, findings };
    wrong = reportsOf(schema, next.error).map(({ path }) => path);
  }
  return { data: null, findings };
}

interface Report {
  readonly path: Path;
  readonly message: string;
  readonly at?: 'key';
}

function reportsOf(schema: z.ZodType, error: z.ZodError): Report[] {
  return error.issues.flatMap((issue) => reports(schema, issue, []));
}

function reports(schema: z.ZodType, issue: z.core.$ZodIssue, base: Path): Report[] {
  const path = [...base, ...issue.path.filter((step) => typeof step !== 'symbol')];
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, path);
    return issue.keys.map((name) => ({ path: [...path, name], message: unknownKey(schema, path, name, known), at: 'key' }));
  }
  if (issue.code === 'invalid_union') {
    // The branch that got furthest is the one that was meant: its issues say more than "none of these".
    const inner = issue.errors.find((branch) => branch.some((one) => one.path.length > 0 || one.code === 'unrecognized_keys'));
    if (inner) return inner.flatMap((one) => reports(schema, one, path));
  }
  if (issue.code === 'invalid_key') return [{ path, message: issue.issues[0]?.message ?? issue.message, at: 'key' }];
  return [{ path, message: issue.message }];
}

function unknownKey(schema: z.ZodType, path: Path, name: string, known: readonly string[]): string {
  const homes = known.filter((key) => knownKeys(schema, [...path, key]).includes(name));
  const elsewhere = homes.length > 0 ? `did you mean ${homes.map((home) => `${home}.${name}`).join(', ')}?` : hint(name, known);
  return `cannot use ${JSON.stringify(name)}: unknown key; ${elsewhere}`;
}

/** The keys that may stand in the map at `path`. */
export function knownKeys(schema: z.ZodType, path: Path): string[] {
  let here: readonly z.ZodType[] = [schema];
  for (const step of path) here = here.flatMap((one) => below(one, step));
  return here.flatMap((one) => options(one).flatMap((option) => Object.keys(shapeOf(option))));
}

type Shape = Readonly<Record<string, z.ZodType>>;

/** The parts of a schema's definition that lead to what is inside of it. */
interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly valueType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly shape?: Shape;
}

function definition(schema: z.ZodType): Definition {
  return schema.def as unknown as Definition;
}

function options(schema: z.ZodType): readonly z.ZodType[] {
  const { innerType, in: input, options: branches } = definition(schema);
  if (branches) return branches.flatMap(options);
  const inner = innerType ?? input;
  return inner ? options(inner) : [schema];
}

function shapeOf(schema: z.ZodType): Shape {
  return definition(schema).type === 'object' ? (definition(schema).shape ?? {}) : {};
}

function below(schema: z.ZodType, step: string | number): z.ZodType[] {
  return options(schema).flatMap((option) => {
    const { valueType, element, type } = definition(option);
    const shape = shapeOf(option);
    if (type === 'array') return element ? [element] : [];
    if (type === 'record') return valueType ? [valueType] : [];
    const next = Object.hasOwn(shape, step) ? shape[step] : undefined;
    return next ? [next] : [];
  });
}

/** `value` without the wrong keys, and with the wrong items of lists as texts: most of them only lack their quotes. */
function quoted(value: unknown, paths: readonly Path[], path: Path): unknown {
  const wrong = paths.some((one) => one.length === path.length && isWithin(one, path));
  if (Array.isArray(value)) return value.map((item, index) => quoted(item, paths, [...path, index]));
  if (typeof value !== 'object' || value === null) return wrong ? String(value) : value;
  const isWrong = (name: string): boolean => paths.some((one) => one.length === path.length + 1 && isWithin(one, [...path, name]));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !isWrong(name))
      .map(([name, inner]) => [name, quoted(inner, paths, [...path, name])]),
  );
}

/** A copy of `value` without what stands at `paths`; of a list nothing is taken out, the whole list goes. Undefined where all of it would go. */
function without(value: unknown, paths: readonly Path[], path: Path): unknown {
  if (paths.some((one) => one.length === path.length)) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const kept: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    const here = [...path, name];
    const wrong = paths.filter((one) => isWithin(one, here));
    if (wrong.some((one) => one.length === here.length || typeof one[here.length] === 'number')) continue;
    kept[name] = wrong.length > 0 ? without(inner, wrong, here) : inner;
  }
  return kept;
}

function withoutHolder(value: unknown, paths: readonly Path[]): unknown {
  const holders = paths.map((path) => path.slice(0, -1));
  return without(value, holders, []);
}
