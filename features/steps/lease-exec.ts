/** The leases that `poolctl lease exec` keeps, as they look from outside. */
import { ok } from 'node:assert/strict';
import { Then, When } from '@cucumber/cucumber';
import type { LeaseStatus } from '../../src/lease/lease.ts';
import type { PooldWorld } from '../support/world.ts';

Then('the lease of {word} has come to be renewed {int} time(s)', async function (this: PooldWorld, holder: string, times: number) {
  await this.until(`${holder} has renewed ${times} times`, async () => ((await leaseOfHolder(this, holder))?.renewals ?? 0) >= times);
});

When('an operator revokes the lease of {word}, as {string}', async function (this: PooldWorld, holder: string, reason: string) {
  const { id = 'none' } = (await leaseOfHolder(this, holder)) ?? {};
  await this.poolctl('lease', 'revoke', id, '--reason', reason);
});

Then('it prints the noted {word} of {string}', function (this: PooldWorld, path: string, subject: string) {
  const noted = String(this.noted.get(`${path} of ${subject}`));
  ok(this.looked().stdout.includes(noted), `stdout was ${this.looked().stdout}, not ${noted}`);
});

async function leaseOfHolder(world: PooldWorld, holder: string): Promise<LeaseStatus | null> {
  const { items } = JSON.parse(await world.get('/v1/leases')) as { items: LeaseStatus[] };
  return items.find((lease) => lease.holder === holder) ?? null;
}
