/** `npm run chaos -- --n N [--seed S]`: kills the daemon N times under load, prints what came of it; exit code 1 for any broken promise. */
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/clock.ts';
import { runDeaths } from './deaths.ts';
import { table } from './report.ts';

const { values } = parseArgs({ options: { n: { type: 'string', default: '50' }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(systemClock.random() * 1e9));
const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

let interrupted = false;
// Nothing is left behind, neither engines nor cgroups.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true;
  });
}

say(`seed ${seed}`);
const figures = await runDeaths({ kills: Number(values.n), seed, told: say, enough: () => interrupted });
say(table(figures, seed));
process.exitCode = figures.violations.length === 0 ? 0 : 1;
