/** Plain data, as states are: whether it says the same, and copies of it. */

type Data = Readonly<Record<string, unknown>>;

/** All the way down. What two states share is one object, and nobody looks into that. */
export function same(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (!isData(one) || !isData(other) || Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  for (const key of keys) if (!Object.hasOwn(other, key) || !same(one[key], other[key])) return false;
  return true;
}

/** Shares nothing with it. */
export function copied(value: unknown): unknown {
  if (!isData(value)) return value;
  if (Array.isArray(value)) return value.map(copied);
  const copy = { ...value };
  for (const [key, inner] of Object.entries(value)) if (isData(inner)) copy[key] = copied(inner);
  return copy;
}

function isData(value: unknown): value is Data {
  return typeof value === 'object' && value !== null;
}
