/**
 * Whether a write-ahead log has lost commits that were answered. SQLite believes the log up to the first frame whose checksum does not fit and
 * takes what is behind that for a death in the middle of a write: a byte that has changed there takes all later commits away, and nobody is told.
 * Format: sqlite.org/fileformat2.html, section 4.
 */
import { existsSync, readFileSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

type Sums = readonly [number, number];

/**
 * True when a whole commit stands behind the place where the log breaks off: it was written, so that place was whole then. Never true for what a
 * death leaves, or a commit that the disk refused: of those the last frame is not whole. Nobody has the database open.
 */
export function hasLostCommits(file: string): boolean {
  const log = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  if (log.length < HEADER_BYTES) return false;
  const header = log.subarray(0, HEADER_BYTES);
  const bigEndian = header.readUInt32BE(0) === MAGIC + 1;
  const pageBytes = header.readUInt32BE(8);
  const ofHeader = sumsOf(header.subarray(0, 24), [0, 0], bigEndian);
  // It is written in one go.
  if (!isMagic(header) || !same(ofHeader, sumsAt(header, 24))) return true;
  const salts = header.subarray(16, 24);
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  let before: Sums = ofHeader;
  let broken = false;
  for (let at = HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    const frame = log.subarray(at, at + frameBytes);
    const written = sumsAt(frame, 16);
    const whole = frame.subarray(8, 16).equals(salts) && same(written, sumsOfFrame(frame, before, bigEndian));
    const commits = frame.readUInt32BE(4) !== 0;
    if (broken && whole && commits) return true;
    broken ||= !whole;
    // Each frame goes on from what the one before it says: so those behind a break are judged by themselves.
    before = written;
  }
  return false;
}

function isMagic(header: Buffer): boolean {
  return (header.readUInt32BE(0) & ~1) >>> 0 === MAGIC;
}

/** Over the first eight bytes of its header and the page. */
function sumsOfFrame(frame: Buffer, before: Sums, bigEndian: boolean): Sums {
  return sumsOf(frame.subarray(FRAME_HEADER_BYTES), sumsOf(frame.subarray(0, 8), before, bigEndian), bigEndian);
}

function sumsOf(bytes: Buffer, [first, second]: Sums, bigEndian: boolean): Sums {
  let one = first;
  let two = second;
  for (let at = 0; at < bytes.length; at += 8) {
    one = (one + (bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + two) >>> 0;
    two = (two + (bigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + one) >>> 0;
  }
  return [one, two];
}

function sumsAt(bytes: Buffer, at: number): Sums {
  return [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
}

function same([one, two]: Sums, [other, another]: Sums): boolean {
  return one === other && two === another;
}
