/** The smallest parts of the schema: each says in its own words what it needs, and its JSON Schema says the same. */
import { z } from 'zod';
import { nearest } from './nearest.ts';
import { isAnchored, patternFault } from './pattern.ts';
import { DURATION, formatDuration, MAX_DURATION_MS, parseDuration, parseSize, SIZE } from './quantity.ts';

/** The error option of a schema: `cannot use "x": <what> is needed`. */
export function needs(what: string): { error: (issue: { readonly input?: unknown }) => string } {
  return {
    error: ({ input }) => {
      if (input === undefined || input === null) return `cannot do without it: ${what} is needed`;
      return `cannot use ${shown(input)}: ${what} is needed${quoted(input, what)}`;
    },
  };
}

/** An optional key with its description; every key of the config is made by this. */
export function key<T extends z.ZodType>(schema: T, description: string): z.ZodOptional<T> {
  return schema.optional().describe(description);
}

/** `none` takes back what the kind or `defaults` say. */
export function orNone<T extends z.ZodType>(schema: T, what: string): z.ZodUnion<[z.ZodLiteral<'none'>, T]> {
  return z.union([z.literal('none'), schema], needs(`${what} or none`));
}

export const text = z.string(needs('text')).max(32_768, needs('a text of at most 32768 characters'));
export const word = z
  .string(needs('text'))
  .min(1, needs('a text that is not empty'))
  .max(4_096, needs('a text of at most 4096 characters'));

export const bool = z.boolean(needs('true or false'));
export const argv = z
  .array(text, needs('a list of texts, program first'))
  .min(1, needs('a list of texts, program first'))
  .max(4_096, needs('a list of at most 4096 texts'))
  .refine(([program]) => program !== '', { error: () => 'cannot run it without a program: the first text of the list is empty' });

export function int(least: number, most: number): z.ZodInt {
  const need = needs(`a whole number from ${least} to ${most}`);
  return z.int(need).min(least, need).max(most, need);
}

export function number(least: number, most: number): z.ZodNumber {
  const need = needs(`a number from ${least} to ${most}`);
  return z.number(need).min(least, need).max(most, need);
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T): z.ZodEnum<{ [K in T[number]]: K }> {
  const { error } = needs(values.length === 1 ? `${values[0]}` : `one of ${values.join(', ')}`);
  return z.enum(values, {
    error: (issue) => {
      const meant = typeof issue.input === 'string' ? nearest(issue.input, values) : null;
      return meant === null ? error(issue) : `${error(issue)}; did you mean ${JSON.stringify(meant)}?`;
    },
  });
}

/** Milliseconds out of `10s`. */
export function duration(leastMs = 0, mostMs = MAX_DURATION_MS) {
  const least = leastMs === 0 ? '' : leastMs === 1 ? 'above 0s ' : `of at least ${formatDuration(leastMs)} `;
  const need = needs(`a duration ${least}like 500ms, 10s, 5m or 2h`);
  return z
    .string(need)
    .regex(DURATION, need)
    .refine((value) => within(parseDuration(value), leastMs, mostMs), need)
    .transform((value) => parseDuration(value) ?? leastMs);
}

/** Bytes out of `64MiB`. */
export function size(leastBytes: number, least: string) {
  const need = needs(`a size like 64KiB, 512MiB or 8GiB, at least ${least}`);
  return z
    .string(need)
    .regex(SIZE, need)
    .refine((value) => within(parseSize(value), leastBytes, Number.POSITIVE_INFINITY), need)
    .transform((value) => parseSize(value) ?? leastBytes);
}

/** A regular expression that cannot take for ever. */
export const pattern = z.string(needs('a regular expression')).refine((value) => patternFault(value) === null, {
  error: ({ input }) => `cannot use ${shown(input)}: ${patternFault(String(input))}`,
});

/** One that speaks of the whole value. */
export const wholePattern = pattern.refine((value) => patternFault(value) !== null || isAnchored(value), {
  error: ({ input }) => `cannot use ${shown(input)}: it must begin with ^ and end with $, or a value could hide anything beside the match`,
});

/** A map with free keys, which `name` has to fit. */
export function mapOf<T extends z.ZodType>(name: RegExp, nameNeed: string, value: T): z.ZodRecord<z.ZodString, T> {
  return z.record(z.string().regex(name, needs(nameNeed)), value, needs('a map'));
}

/** A value in a message: short, on one line, never a whole map. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  if (typeof value !== 'string') return String(value);
  const line = JSON.stringify(value);
  return line.length > MAX_SHOWN ? `${line.slice(0, MAX_SHOWN)}…"` : line;
}

const MAX_SHOWN = 60;

function within(value: number | null, least: number, most: number): boolean {
  return value !== null && value >= least && value <= most;
}

/** YAML reads `8080` and `true` as no text; the cure is a pair of quotes. */
function quoted(input: unknown, what: string): string {
  if (what === 'text' && (typeof input === 'number' || typeof input === 'boolean')) return `, write "${input}"`;
  return what.startsWith('a duration') && typeof input === 'number' ? `, write ${input}s` : '';
}
