/** The sockets that listen on a TCP port, as /proc/net tells of them. */
import { closeSync, openSync, readSync } from 'node:fs';

export interface Listening {
  /** As /proc/net writes it: hexadecimal, each 32-bit word in the byte order of the machine. */
  readonly address: string;
  readonly inode: string;
}

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];
const CHUNK_BYTES = 65_536;
/** A line of a socket in any other state than LISTEN, which is 0A. */
const OTHER = /^ *\d+: \S+ \S+ (?!0A )[0-9A-F]{2} /m;

/** Costs what those that listen cost: a busy host has a hundred thousand connections, and the kernel lists them behind. */
export function listeningOn(port: number): Listening[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  // Its number, where it is bound, with whom it is connected, its state, five of no use here, and its inode.
  const line = new RegExp(`^ *\\d+: ([0-9A-F]+):${hex} \\S+ 0A (?:\\S+ +){5}(\\d+) `, 'gm');
  return TABLES.flatMap((table) =>
    [...headOf(table).matchAll(line)].map(([, address = '', inode = '']): Listening => ({ address, inode })),
  );
}

/** Up to the first that does not listen. Empty where there is no such table, as without IPv6. */
function headOf(table: string): string {
  let fd: number;
  try {
    fd = openSync(table, 'r');
  } catch {
    return '';
  }
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let text = '';
    for (;;) {
      const bytes = readSync(fd, chunk);
      const piece = chunk.toString('latin1', 0, bytes);
      text += piece;
      if (bytes === 0 || OTHER.test(piece)) return text;
    }
  } finally {
    closeSync(fd);
  }
}
