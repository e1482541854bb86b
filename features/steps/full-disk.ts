/** A disk without room, for the daemon alone: a limit on the size of its files, which it meets wherever it would write. Needs no rights. */
import { equal } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { DataTable } from '@cucumber/cucumber';
import { Then, When } from '@cucumber/cucumber';
import { samplesIn } from '../support/metrics-page.ts';
import type { PooldWorld } from '../support/world.ts';
import { isLike } from './lifecycle.ts';
import { at } from './operator.ts';

When('the disk is full for the daemon', function (this: PooldWorld) {
  fileSizeLimited(this, '0:');
});

When('there is room for the daemon again', function (this: PooldWorld) {
  fileSizeLimited(this, 'unlimited:');
});

Then('the daemon stores again by itself', async function (this: PooldWorld) {
  await this.until('the daemon says that the disk has room', async () => {
    const full = samplesIn(await this.get('/metrics')).find(({ metric }) => metric === 'poold_storage_full');
    return full?.value === 0;
  });
});

/** Newest first: columns are paths in an operation; a cell between slashes is a pattern. */
Then('the operations of {string} are:', async function (this: PooldWorld, pool: string, wanted: DataTable) {
  const operations = await this.client.operations(pool);
  equal(operations.length, wanted.hashes().length);
  for (const [index, row] of wanted.hashes().entries())
    for (const [path, value] of Object.entries(row)) isLike(at(operations[index], path), value);
});

/** Only the soft limit, which who has set it may take away again. */
function fileSizeLimited(world: PooldWorld, limit: string): void {
  execFileSync('prlimit', ['--pid', String(world.daemon?.pid), `--fsize=${limit}`]);
}
