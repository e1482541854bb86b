/**
 * Which regular expressions the config may hold. They run over lines that an engine wrote and values that a stranger sent, so an expression
 * whose cost can explode is refused: back-references, look-around, and a repeated group that holds another repetition or alternatives
 * that do not differ in their first letter (`(a+)+`, `(a|ab)*`).
 */

export const MAX_PATTERN_CHARS = 500;

/** What is wrong with `pattern`, as the end of a sentence, or null where it is good. */
export function patternFault(pattern: string): string | null {
  if (pattern === '') return 'it is empty and would match everything';
  if (pattern.length > MAX_PATTERN_CHARS) return `it has more than ${MAX_PATTERN_CHARS} characters`;
  try {
    new RegExp(pattern);
  } catch (error) {
    return `it is no regular expression: ${String(error instanceof Error ? error.message : error).replace(/^Invalid regular expression: /, '')}`;
  }
  return explosion(pattern);
}

/** Whether `pattern` says something about the whole value and not just a part of it: `^…$` with no alternatives outside of a group. */
export function isAnchored(pattern: string): boolean {
  if (!pattern.startsWith('^') || !pattern.endsWith('$') || pattern.endsWith('\\$')) return false;
  let depth = 0;
  for (const token of pattern.match(TOKEN) ?? []) {
    if (token.startsWith('(')) depth += 1;
    else if (token === ')') depth -= 1;
    else if (token === '|' && depth === 0) return false;
  }
  return true;
}

/** Escapes, classes, group openings, quantifiers, then any single character. */
const TOKEN = /\\(?:k<[^>]*>|[\s\S])|\[(?:\\[\s\S]|[^\]\\])*\]|\((?:\?(?:<?[=!]|:|<[^>]*>|[a-z-]+:))?|[*+?]\??|\{\d+(?:,\d*)?\}\??|[\s\S]/g;
const MAX_REPETITIONS = 8;

interface Group {
  /** Holds `*`, `+`, `?` or `{n,m}`, itself or in a group of its own. */
  repeats: boolean;
  /** First token of each alternative so far; null before the alternative's first token. */
  readonly firsts: (string | null)[];
}

function explosion(pattern: string): string | null {
  const open: Group[] = [{ repeats: false, firsts: [null] }];
  let closed: Group | null = null;
  let repetitions = 0;
  for (const token of pattern.match(TOKEN) ?? []) {
    const group = open.at(-1);
    if (!group) return null;
    const fault = forbidden(token);
    if (fault !== null) return fault;
    if (isQuantifier(token)) {
      if (closed && repeatsMuch(token) && (closed.repeats || ambiguous(closed))) {
        return 'a repeated group holds another repetition, or alternatives that can begin alike, which can take for ever; repeat a class like [a-z.]+ instead';
      }
      if (!/^\{\d+\}\??$/.test(token)) {
        group.repeats = true;
        repetitions += 1;
      }
      if (repetitions > MAX_REPETITIONS) return `it has more than ${MAX_REPETITIONS} repetitions, which can take for ever`;
      closed = null;
      continue;
    }
    closed = step(open, group, token);
  }
  return null;
}

function forbidden(token: string): string | null {
  if (/^\\(?:[1-9]|k<)/.test(token)) return 'it refers back to a group, which can take for ever';
  if (/^\(\?<?[=!]/.test(token)) return 'it looks ahead or behind, which can take for ever';
  return null;
}

/** Takes one token that is no quantifier; gives the group that it closed, as the next token may repeat it. */
function step(open: Group[], group: Group, token: string): Group | null {
  if (token.startsWith('(')) {
    group.firsts[group.firsts.length - 1] ??= token;
    open.push({ repeats: false, firsts: [null] });
    return null;
  }
  if (token === '|') {
    group.firsts.push(null);
    return null;
  }
  if (token !== ')') {
    group.firsts[group.firsts.length - 1] ??= token;
    return null;
  }
  open.pop();
  const outer = open.at(-1);
  if (outer && group.repeats) outer.repeats = true;
  return group;
}

function isQuantifier(token: string): boolean {
  return /^(?:[*+?]\??|\{\d+(?:,\d*)?\}\??)$/.test(token);
}

function repeatsMuch(token: string): boolean {
  return !/^(?:\?\??|\{[01](?:,1)?\}\??)$/.test(token);
}

/** Alternatives are told apart by a plain first letter of their own each; anything else may overlap. */
function ambiguous(group: Group): boolean {
  if (group.firsts.length === 1) return false;
  const plain = group.firsts.every((first) => first !== null && /^(?:[^\\.[(^$]|\\[^a-zA-Z0-9])$/.test(first));
  return !plain || new Set(group.firsts).size < group.firsts.length;
}
