/** Throws where what is stored would not come back as it was: no undefined, no Infinity, no NaN may be in it. */
export function assertStorable(value: unknown, path = 'state'): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return;
  if (typeof value !== 'object') throw new Error(`cannot store ${path}: it is ${String(value)}`);
  for (const [key, part] of Object.entries(value)) assertStorable(part, `${path}.${key}`);
}
