/**
 * Bearer tokens: 256 random bits, shown once. The file keeps their SHA-256 only, one per line: `NAME ROLE sha256:HEX [expires=DATE]`.
 * A plain hash is enough, as nobody guesses 256 bits; what has to be slow for passwords would here only slow down every request.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Stats } from 'node:fs';
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { PooldError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import type { Role } from './roles.ts';
import { ROLES } from './roles.ts';

export interface TokenEntry {
  readonly id: string;
  readonly role: Role;
  readonly sha256: Buffer;
  /** Wall-clock milliseconds, or null for one that does not expire. */
  readonly expiresMs: number | null;
}

export interface NewToken {
  readonly file: string;
  readonly id: string;
  readonly role: string;
  readonly expiresMs: number | null;
}

const ID = /^[A-Za-z0-9][\w.@-]{0,63}$/;

/** Adds a token to the file (made with mode 0600) and returns it; it can't be shown again. Throws PooldError `invalid_config`. */
export function createToken({ file, id, role, expiresMs }: NewToken): string {
  const known = ROLES.find((name) => name === role);
  if (known === undefined)
    throw new PooldError('invalid_config', `cannot make a token: no role ${JSON.stringify(role)}; there are ${ROLES.join(', ')}`);
  if (!ID.test(id)) throw new PooldError('invalid_config', 'cannot make a token: its id is 1 to 64 letters, digits, ".", "_", "@" and "-"');
  const token = `poold_${randomBytes(32).toString('base64url')}`;
  const expires = expiresMs === null ? '' : ` expires=${new Date(expiresMs).toISOString()}`;
  // O_APPEND and not a new file renamed over it: the owner of the file, who may be the daemon's user, has to stay.
  const descriptor = openTokens(file, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT);
  try {
    const text = readFileSync(descriptor, 'utf8');
    if (parseTokens(text, file).some((entry) => entry.id === id))
      throw new PooldError('invalid_config', `cannot make a token: ${file} has one with id ${id}; remove its line first`);
    const newline = text === '' || text.endsWith('\n') ? '' : '\n';
    writeSync(descriptor, `${newline}${id} ${known} sha256:${hashOf(token).toString('hex')}${expires}\n`);
  } finally {
    closeSync(descriptor);
  }
  return token;
}

/** The tokens of a file; throws PooldError `invalid_config` when it can't be read, is open to others, or has a line that is none. */
export function readTokens(file: string): readonly TokenEntry[] {
  const descriptor = openTokens(file, constants.O_RDONLY);
  try {
    return parseTokens(readFileSync(descriptor, 'utf8'), file);
  } finally {
    closeSync(descriptor);
  }
}

/** The tokens as the file has them now: it is read again when it changes. While it is unreadable or wrong nobody gets in. */
export class Tokens {
  readonly #file: string;
  readonly #complain: (message: string) => void;
  #entries: readonly TokenEntry[] = [];
  #seen = '';

  /** Throws PooldError `invalid_config` when the file is not usable at the start. */
  constructor(file: string, complain: (message: string) => void) {
    this.#file = file;
    this.#complain = complain;
    this.#entries = readTokens(file);
    this.#seen = markOf(statSync(file));
  }

  /** The entry that this token belongs to, or null. Every entry is compared, in constant time, whether or not one fits. */
  find(token: string, wallMs: number): TokenEntry | null {
    this.#refresh();
    const hash = hashOf(token);
    let found: TokenEntry | null = null;
    for (const entry of this.#entries) {
      if (timingSafeEqual(entry.sha256, hash) && (entry.expiresMs === null || entry.expiresMs > wallMs)) found = entry;
    }
    return found;
  }

  #refresh(): void {
    let mark = 'unreadable';
    try {
      mark = markOf(statSync(this.#file));
      if (mark === this.#seen) return;
      this.#entries = readTokens(this.#file);
    } catch (error) {
      this.#entries = [];
      if (mark !== this.#seen)
        this.#complain(`cannot use the tokens, so nobody gets in over TCP: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#seen = mark;
  }
}

function markOf({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Opened first and looked at then, so that what is checked is what is read. */
function openTokens(file: string, flags: number): number {
  let descriptor: number;
  try {
    descriptor = openSync(file, flags | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const todo = code === 'ENOENT' ? `; make it with poold token new --role operate --id NAME --file ${file}` : '';
    throw new PooldError('invalid_config', `cannot open the tokens file ${file}: ${code ?? 'unknown error'}${todo}`, { cause: error });
  }
  const refusal = refusalOf(fstatSync(descriptor), file);
  if (refusal === null) return descriptor;
  closeSync(descriptor);
  throw new PooldError('invalid_config', refusal);
}

function refusalOf({ mode, size, uid }: Stats, file: string): string | null {
  if ((mode & constants.S_IFMT) !== constants.S_IFREG) return `cannot use the tokens file ${file}: it is not a plain file`;
  if ((mode & 0o077) !== 0)
    return `cannot use the tokens file ${file}: others can read or write it (mode 0${(mode & 0o777).toString(8)}); chmod 600 ${file}`;
  if (uid !== 0 && uid !== process.geteuid?.())
    return `cannot use the tokens file ${file}: it belongs to user ${uid}; chown it to the user of poold or to root`;
  if (size > LIMITS.tokensFileBytes) return `cannot use the tokens file ${file}: it is larger than ${LIMITS.tokensFileBytes} bytes`;
  return null;
}

function parseTokens(text: string, file: string): readonly TokenEntry[] {
  const lines = text.split('\n').map((line, index) => ({ line: line.trim(), number: index + 1 }));
  return lines.filter(({ line }) => line !== '' && !line.startsWith('#')).map(({ line, number }) => parseLine(line, `${file}:${number}`));
}

function parseLine(line: string, where: string): TokenEntry {
  const [id = '', roleText, hash = '', expires, ...rest] = line.split(/\s+/);
  const role = ROLES.find((name) => name === roleText);
  const sha256 = /^sha256:([0-9a-f]{64})$/.exec(hash)?.[1];
  const expiresMs = expires === undefined ? null : Date.parse(expires.replace(/^expires=/, ''));
  if (!ID.test(id) || role === undefined || sha256 === undefined || Number.isNaN(expiresMs) || rest.length > 0) {
    throw new PooldError('invalid_config', `cannot use the tokens file: ${where}: a line is NAME ROLE sha256:HEX [expires=DATE]`);
  }
  return { id, role, sha256: Buffer.from(sha256, 'hex'), expiresMs };
}
