/**
 * Runs under a file size limit. Writes exits until the limit has been met and history was given up for it; then a row no limit can hold; then
 * a small one. Prints one JSON line with what it saw.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../src/clock.ts';
import { PooldError } from '../../../src/errors.ts';
import { openStore } from '../../../src/store/sqlite.ts';
import { batch, exit } from '../rows.ts';

const directory = process.argv[2] ?? '';
const ballast = join(directory, 'ballast');
const store = openStore({ directory, clock: systemClock });
const ballastAtFirst = statSync(ballast).size;

const lines = Array.from({ length: 200 }, (_, index) => `${index} ${'x'.repeat(300)}`);
let written = 0;
let refused = 0;
for (let generation = 1; generation <= 400; generation += 1) {
  try {
    store.commit(batch({ exits: [exit({ generation, lastLines: lines })] }));
    written += 1;
  } catch {
    refused += 1;
  }
}
const kept = store.history({ pool: 'chat', replica: null, sinceMs: null, limit: 1_000 });

let code: string | null = null;
try {
  store.commit(
    batch({
      pools: [
        { pool: 'first', state: '{}' },
        { pool: 'huge', state: 'y'.repeat(4 << 20) },
      ],
    }),
  );
} catch (error) {
  code = error instanceof PooldError ? error.code : String(error);
}
const fullThen = store.full;
store.commit(batch({ pools: [{ pool: 'small', state: '{}' }] }));
process.stdout.write(
  `${JSON.stringify({
    ballastAtFirst,
    ballastNow: existsSync(ballast),
    written,
    refused,
    kept: kept.length,
    newest: kept[0]?.generation,
    code,
    fullThen,
    fullNow: store.full,
    pools: store.load().pools.map((row) => row.pool),
  })}\n`,
);
store.close();
