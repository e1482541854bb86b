/** Signals by name and number, as the kernel and shells speak of them. */
import { constants } from 'node:os';

const NAMES = new Map<number, string>();
for (const [name, number] of Object.entries(constants.signals)) {
  // Some numbers have two names: the first one is the usual (SIGABRT, not SIGIOT).
  if (!NAMES.has(number)) NAMES.set(number, name);
}

/** How a program ended, out of a shell's exit code: 128 + n is signal n, as far as n is one. */
export function endOf(shellCode: number): { readonly code: number | null; readonly signal: string | null } {
  const signal = shellCode > 128 ? (NAMES.get(shellCode - 128) ?? null) : null;
  return signal === null ? { code: shellCode, signal: null } : { code: null, signal };
}
