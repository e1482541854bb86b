/** Opens the store in DIRECTORY, prints what it got as JSON, and stays until its input ends. With POOLD_FAILPOINT it dies in the middle. */
import { systemClock } from '../../../src/clock.ts';
import { armFailpoint } from '../../../src/failpoint.ts';
import { openStore } from '../../../src/store/sqlite.ts';

armFailpoint(process.env.POOLD_FAILPOINT);
const store = openStore({ directory: process.argv[2] ?? '', clock: systemClock });
process.stdout.write(`${JSON.stringify({ epoch: store.epoch, instance: store.instance, damage: store.damage })}\n`);
process.stdin.on('end', () => store.close()).resume();
