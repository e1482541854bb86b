/** Values made from a JSON schema of the API document: such as it lets through, such as it only just does not, and whatever else there is. */
import fc from 'fast-check';

/** As much of JSON Schema as the document uses. */
export interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly propertyNames?: Schema;
  readonly additionalProperties?: boolean | Schema;
  readonly required?: readonly string[];
}

/** By name of the parameter or key, values in place of those the schema tells of: what a test can wait for, and what exists. */
export type Hints = Readonly<Record<string, fc.Arbitrary<unknown>>>;

export function valid(schema: Schema, name: string, hints: Hints): fc.Arbitrary<unknown> {
  const hint = hints[name];
  if (hint !== undefined) return hint;
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'object':
      return validObject(schema, hints);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: schema.minimum ?? -1e6, max: Math.min(schema.maximum ?? 1e6, Number.MAX_SAFE_INTEGER) });
    case 'string':
      return validText(schema);
    default:
      throw new Error(`cannot make a value for ${name}: unknown schema ${JSON.stringify(schema)}`);
  }
}

/** One key of a good object is spoilt, taken away or added. */
export function nearlyValid(schema: Schema, name: string, hints: Hints): fc.Arbitrary<unknown> {
  if (schema.type !== 'object') return fc.oneof(oddText, fc.constantFrom('', '0', '-1'));
  const keys = Object.keys(schema.properties ?? {});
  const key = fc.constantFrom(...keys, 'unknown', keys[0]?.toUpperCase() ?? 'x', 'toString', 'hasOwnProperty', '');
  return fc
    .tuple(valid(schema, name, hints), key, fc.option(anything, { nil: undefined }))
    .map(([good, spoilt, value]) => ({ ...(good as object), [spoilt]: value }));
}

export const oddText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    '../../etc/passwd',
    '\0',
    '\u001b[2J',
    '\ud800',
    'ﬁ',
    '\u202e',
    '${port}',
    '%s%n',
    "';--",
    '10s',
    'NaN',
  ),
  fc.integer({ min: 60, max: 70_000 }).map((length) => 'x'.repeat(length)),
);

/** Of every type, at every bound. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, [], {}, '', '1', 0, -0, -1, 1.5, 99, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 5e-324),
  oddText,
  fc.jsonValue({ maxDepth: 3 }),
  fc.integer({ min: 2, max: 200 }).map((depth) => nested(depth)),
);

/** Mostly what it was, now and then the other. */
export function often<T>(usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 15, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

function validObject({ properties = {}, required = [], propertyNames, additionalProperties }: Schema, hints: Hints): fc.Arbitrary<unknown> {
  if (propertyNames !== undefined && typeof additionalProperties === 'object')
    return fc.dictionary(validText(propertyNames), validText(additionalProperties), { maxKeys: 3, noNullPrototype: true });
  const values = Object.fromEntries(Object.entries(properties).map(([key, one]) => [key, valid(one, key, hints)]));
  return fc.record(values, { requiredKeys: [...required], noNullPrototype: true });
}

function validText({ pattern, minLength = 0, maxLength = 64 }: Schema): fc.Arbitrary<string> {
  // Longer ones than these come by the odd texts.
  const most = Math.min(maxLength, 64);
  if (pattern === undefined) return fc.string({ minLength, maxLength: most });
  const form = new RegExp(pattern, 'u');
  // Of "all but …" the whole of Unicode would be listed.
  const free = /\\p|\[\^/i.test(pattern);
  const text = free ? fc.string({ unit: 'grapheme', minLength: 1, maxLength: most }) : fc.stringMatching(form, { maxLength: most });
  return text.filter((one) => one.length >= minLength && form.test(one));
}
