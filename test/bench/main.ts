/** `npm run bench [-- --only NAME,NAME]`: measures, prints, and keeps what it found in RESULTS.md beside this file. Root is needed. */
import { parseArgs } from 'node:util';
import { fleet } from './fleet.ts';
import { flood } from './flood.ts';
import { lateness } from './lateness.ts';
import { leasePools } from './lease-pools.ts';
import { leaseRedis } from './lease-redis.ts';
import { leaseWake } from './lease-wake.ts';
import { leases } from './leases.ts';
import type { Part } from './part.ts';
import { restarts } from './restarts.ts';
import { keepSection, stamp } from './results.ts';
import { statusCalls } from './status-calls.ts';
import { thousand } from './thousand.ts';

const PARTS: readonly Part[] = [restarts, leases, leasePools, leaseWake, leaseRedis, lateness, statusCalls, fleet, thousand, flood];

const { values } = parseArgs({ options: { only: { type: 'string' } } });
for (const part of wanted(values.only)) {
  const before = stamp();
  process.stderr.write(`${part.name} …\n`);
  const text = `${before}\n\n${await part.run()}`;
  keepSection(PARTS, part, text);
  process.stdout.write(`## ${part.name}: ${part.title}\n\n${text}\n\n`);
}

function wanted(only: string | undefined): readonly Part[] {
  const names = only?.split(',') ?? PARTS.map(({ name }) => name);
  return names.map((name) => {
    const part = PARTS.find((one) => one.name === name);
    if (part === undefined) throw new Error(`cannot measure ${name}: there are ${PARTS.map((one) => one.name).join(', ')}`);
    return part;
  });
}
