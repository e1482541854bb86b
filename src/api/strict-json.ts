/**
 * JSON.parse takes the last of two like keys, makes `__proto__` an own key that a careless copy turns into a prototype, and goes as deep
 * as the stack. What comes from a client is therefore checked token by token first; the parse itself is left to JSON.parse.
 */
import { PooldError } from '../errors.ts';
import { LIMITS } from './limits.ts';

/** Throws PooldError `invalid_request` for JSON that is malformed, too deep, or has a doubled or forbidden key. */
export function parseStrictJson(text: string): unknown {
  refuseHostileKeys(text);
  const value = parsed(text);
  if (value === undefined) throw refused('it is not valid JSON');
  return value;
}

const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

/** Only strings, brackets and colons matter here: whatever else is wrong with the text is found by JSON.parse. */
function refuseHostileKeys(text: string): void {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : null);
      if (open.length > LIMITS.jsonDepth) throw refused(`it is nested deeper than ${LIMITS.jsonDepth} levels`);
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const end = endOfString(text, at);
      const keys = open.at(-1);
      if (keys && followedByColon(text, end)) addKey(keys, text.slice(at, end));
      at = end - 1;
    }
  }
}

function addKey(keys: Set<string>, quoted: string): void {
  // Escapes have to be resolved first: "\u005f_proto__" is the same key.
  const key = parsed(quoted);
  if (typeof key !== 'string') throw refused('it is not valid JSON');
  if (FORBIDDEN.has(key)) throw refused(`the key ${JSON.stringify(key)} is never allowed`);
  if (keys.has(key)) throw refused(`the key ${JSON.stringify(key.slice(0, 64))} stands there twice`);
  keys.add(key);
}

/** Undefined where it is not JSON. The message of JSON.parse quotes the text, which may be a secret: it goes nowhere. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Index behind the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

function followedByColon(text: string, from: number): boolean {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at += 1;
  return text[at] === ':';
}

function refused(why: string): PooldError {
  return new PooldError('invalid_request', `cannot read the body: ${why}`);
}
