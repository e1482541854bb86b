/** Which class of crash a log speaks of: patterns in their order, the config's before the built-in. */

/** Beyond this a line is not looked at: what an engine prints may be made to be slow to match. */
export const MAX_MATCH_CHARACTERS = 4096;

export interface CrashPattern {
  readonly pattern: string;
  readonly class: string;
}

export interface CompiledPattern {
  readonly matches: RegExp;
  readonly class: string;
}

/** Once per spec. Throws SyntaxError for what is no regular expression; the schema has refused those. */
export function compilePatterns(patterns: readonly CrashPattern[]): CompiledPattern[] {
  return patterns.map((one) => ({ matches: new RegExp(one.pattern), class: one.class }));
}

/** The first pattern that any of the lines matches, and the first line that matches it. */
export function firstMatch(
  lines: readonly string[],
  patterns: readonly CompiledPattern[],
): { readonly class: string; readonly line: string } | null {
  const cut = lines.map((line) => line.slice(0, MAX_MATCH_CHARACTERS));
  for (const pattern of patterns) {
    const at = cut.findIndex((line) => pattern.matches.test(line));
    if (at !== -1) return { class: pattern.class, line: lines[at] ?? '' };
  }
  return null;
}
