/**
 * One YAML text as plain values that remember where they stand. Bounded, as a text may be hostile: aliases count as what they expand to,
 * and keys that JavaScript would take for its own are refused.
 */
import type { Node, Pair } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Finding, Path } from './problem.ts';
import { failure } from './problem.ts';
import { shown } from './scalars.ts';

export const MAX_FILE_BYTES = 8 * 2 ** 20;
export const MAX_VALUES = 500_000;
export const MAX_DEPTH = 40;

export interface Spot {
  readonly line: number;
  readonly column: number;
}

/** A finding whose place is known already, because the text has no path for it. */
export interface SpotFinding extends Finding {
  readonly spot: Spot;
}

export interface Source {
  readonly file: string;
  /** Absolute directory that relative paths in the file start from. */
  readonly directory: string;
  /** Maps, lists, texts, numbers, booleans; null becomes undefined, its key stays. */
  readonly value: unknown;
  readonly findings: readonly SpotFinding[];
  /** Where `path` stands: its key, or its value; where it does not exist, the nearest thing above it that does. */
  readonly spot: (path: Path, at: 'key' | 'value') => Spot;
  readonly has: (path: Path) => boolean;
}

/** Never throws: what cannot be read is a finding. */
export function readSource(file: string, directory: string, text: string): Source {
  const lines = new LineCounter();
  const reader: Reader = { findings: [], anchors: new Map(), values: 0, spotAt: (offset) => spotAt(lines, offset) };
  const root: Place = { key: 0, value: 0, children: new Map() };
  const value = parse(text, lines, reader, root);
  return {
    file,
    directory,
    value,
    findings: reader.findings,
    spot: (path, at) => {
      const [place, whole] = find(root, path);
      return reader.spotAt(whole && at === 'value' ? place.value : place.key);
    },
    has: (path) => find(root, path)[1],
  };
}

/** Offsets into the text. */
interface Place {
  readonly key: number;
  readonly value: number;
  readonly children: Map<string | number, Place>;
}

interface Reader {
  readonly findings: SpotFinding[];
  readonly anchors: Map<string, Node>;
  values: number;
  readonly spotAt: (offset: number) => Spot;
}

const TOO_MUCH = Symbol('too much');
const REFUSED_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

function parse(text: string, lines: LineCounter, reader: Reader, root: Place): unknown {
  try {
    // uniqueKeys compares every key with every other; the walk below does it with a set.
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      stringKeys: false,
      logLevel: 'silent',
    });
    for (const fault of [...document.errors, ...document.warnings].slice(0, 100)) {
      report(reader, [], fault.pos[0], `cannot read the YAML: ${fault.message.replaceAll(/\s+/g, ' ')}`);
    }
    return document.errors.length === 0 ? walk(document.contents, root, [], reader) : undefined;
  } catch (error) {
    if (error === TOO_MUCH) return undefined;
    if (!(error instanceof RangeError)) throw error;
    report(reader, [], 0, 'cannot read the YAML: it is nested too deeply');
    return undefined;
  }
}

function walk(node: unknown, place: Place, path: Path, reader: Reader): unknown {
  reader.values += 1;
  if (reader.values > MAX_VALUES) {
    report(reader, path, place.value, `cannot read on: more than ${MAX_VALUES} values, aliases expanded`);
    throw TOO_MUCH;
  }
  if (path.length > MAX_DEPTH) {
    report(reader, path.slice(0, 3), place.value, `cannot read on: nested more than ${MAX_DEPTH} deep`);
    throw TOO_MUCH;
  }
  if (isAlias(node)) {
    const target = reader.anchors.get(node.source);
    if (target) return walk(target, place, path, reader);
    report(reader, path, place.value, `cannot use *${node.source}: no anchor &${node.source} before it`);
    return undefined;
  }
  if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor) reader.anchors.set(node.anchor, node);
  if (isSeq(node)) return node.items.map((item, index) => walk(item, child(place, index, item), [...path, index], reader));
  if (isMap(node)) return walkMap(node.items, place, path, reader);
  const value = isScalar(node) ? node.value : undefined;
  return value === null ? undefined : plain(value, place, path, reader);
}

function walkMap(items: readonly Pair[], place: Place, path: Path, reader: Reader): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  for (const { key, value } of items) {
    const keyOffset = offsetOf(key, place.value);
    const name = keyName(key);
    if (name === null) {
      report(reader, path, keyOffset, 'cannot use this key: a key is a plain text');
    } else if (REFUSED_KEYS.has(name)) {
      report(reader, [...path, name], keyOffset, `cannot use ${name} as a key: it is refused everywhere`);
    } else if (Object.hasOwn(map, name)) {
      report(reader, [...path, name], keyOffset, `cannot use ${shown(name)} twice in one map: take one of them away`);
    } else {
      map[name] = walk(value, child(place, name, value, keyOffset), [...path, name], reader);
    }
  }
  return map;
}

/** Numbers and booleans name a key as they are written: `8:` is "8". */
function keyName(key: unknown): string | null {
  if (!isScalar(key) || key.value === null || typeof key.value === 'object') return null;
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
}

function plain(value: unknown, place: Place, path: Path, reader: Reader): unknown {
  if (value === undefined || ['string', 'number', 'boolean'].includes(typeof value)) return value;
  report(reader, path, place.value, 'cannot use this value: only maps, lists, texts, numbers, true and false');
  return undefined;
}

function child(parent: Place, name: string | number, node: unknown, keyOffset?: number): Place {
  const value = offsetOf(node, keyOffset ?? parent.value);
  const place: Place = { key: keyOffset ?? value, value, children: new Map() };
  parent.children.set(name, place);
  return place;
}

function offsetOf(node: unknown, otherwise: number): number {
  return (node as Node | null)?.range?.[0] ?? otherwise;
}

function find(root: Place, path: Path): [Place, boolean] {
  let place = root;
  for (const step of path) {
    const next = place.children.get(step);
    if (!next) return [place, false];
    place = next;
  }
  return [place, true];
}

function report(reader: Reader, path: Path, offset: number, message: string): void {
  reader.findings.push({ ...failure(path, message), spot: reader.spotAt(offset) });
}

/** LineCounter answers line 0 for the first line of a text without a line break. */
function spotAt(lines: LineCounter, offset: number): Spot {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}
