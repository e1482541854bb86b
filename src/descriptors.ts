/** Whether there are descriptors enough to begin with. */
import { readFileSync } from 'node:fs';
import { PooldError } from './errors.ts';

/** The database, its locks, the doors, a start under way, and a few clients. Each pool has some more. */
const LEAST = 48;

/** ORDER: before anything is made, as what comes first would fail in words about that. Throws PooldError `forbidden`, with what to raise. */
export function needDescriptors(): void {
  const most = mostDescriptors();
  if (most >= LEAST) return;
  throw new PooldError(
    'forbidden',
    `cannot start: it may open ${most} files, and needs ${LEAST} to begin with; raise the limit (ulimit -n, or LimitNOFILE= in its unit)`,
  );
}

function mostDescriptors(): number {
  const [, most = ''] = /^Max open files +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return most === 'unlimited' ? Number.POSITIVE_INFINITY : Number(most);
}
