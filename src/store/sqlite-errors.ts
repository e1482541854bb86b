/** What an error of SQLite or of the file system means for the store. Result codes: sqlite.org/rescode.html */

/** The low byte of an extended result code. */
const BUSY = 5;
const FULL_CODES: ReadonlySet<number> = new Set([8 /* READONLY */, 10 /* IOERR */, 13 /* FULL */, 14 /* CANTOPEN */]);
/** The machine's doing, not the file's: moving the file aside would not help and would lose what is in it. */
const NOT_THE_FILE: ReadonlySet<number> = new Set([3 /* PERM */, BUSY, 6 /* LOCKED */, 7 /* NOMEM */, 15 /* PROTOCOL */, 23 /* AUTH */]);
const IOERR_SHORT_READ = 522;
const FULL_ERRNOS: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EIO']);

/**
 * True when nothing can be written: no room, a quota, a file size limit, a read-only or broken file system. Only ENOSPC has a code of its own
 * in SQLite; the others come as IOERR or READONLY.
 */
export function isFull(error: unknown): boolean {
  const code = resultCode(error);
  if (code !== null) return FULL_CODES.has(code & 0xff) && code !== IOERR_SHORT_READ;
  return FULL_ERRNOS.has(errno(error));
}

/** True when the file is not what poold left there: whatever SQLite says but for what the machine did, and values no writer of ours puts. */
export function isDamage(error: unknown): boolean {
  const code = resultCode(error);
  if (code === null) return errno(error) === 'ERR_OUT_OF_RANGE';
  return code === IOERR_SHORT_READ || !(FULL_CODES.has(code & 0xff) || NOT_THE_FILE.has(code & 0xff));
}

export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code !== null && (code & 0xff) === BUSY;
}

/** In a few words, for the end of a sentence. */
export function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'errstr' in error ? `${String(error.errstr)} (SQLite ${resultCode(error)})` : error.message;
}

/** Null where it is no error of SQLite. */
function resultCode(error: unknown): number | null {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : null;
}

function errno(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
