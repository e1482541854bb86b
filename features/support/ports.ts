/** Ports of a worker's own, also where the features run more than once on the machine. */
import type { Server } from 'node:net';
import { createServer } from 'node:net';

/** Above those that a daemon takes by default first, below those that the kernel gives out. */
const FIRST = 22_000;
const BLOCK = 1_000;
const BLOCKS = 10;

let own: { readonly lock: Server; readonly from: number } | null = null;

/** Before any scenario. */
export async function portsTaken(): Promise<void> {
  for (let block = 0; block < BLOCKS && own === null; block += 1) {
    const lock = await lockOf(block);
    if (lock !== null) own = { lock, from: FIRST + block * BLOCK };
  }
  if (own === null) throw new Error(`cannot have ports of our own: ${BLOCKS} workers run features on this machine already`);
}

/** What `auto` takes from. Nine more, `PORT1` to `PORT9`, lie behind them. */
export function portsOfThisWorker(): [number, number] {
  if (own === null) throw new Error('no ports were taken');
  return [own.from, own.from + 899];
}

/** A name without a file: it is free again with the end of the process, whatever ends it. */
function lockOf(block: number): Promise<Server | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.listen(`\0poold-features-${block}`, () => resolve(server.unref()));
  });
}
