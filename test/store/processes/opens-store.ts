/** Opens the store in DIRECTORY, prints what it got as JSON, and stays until its input ends. */
import { systemClock } from '../../../src/clock.ts';
import { openStore } from '../../../src/store/sqlite.ts';

const store = openStore({ directory: process.argv[2] ?? '', clock: systemClock });
process.stdout.write(`${JSON.stringify({ epoch: store.epoch, instance: store.instance, damage: store.damage })}\n`);
process.stdin.on('end', () => store.close()).resume();
