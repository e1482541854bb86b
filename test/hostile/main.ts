/** `npm run hostile -- --n N --seed S`: so many hostile requests to a daemon of its own; `--parsers SECONDS`: hostile texts for that long instead. */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { systemClock } from '../../src/clock.ts';
import { hostileRig } from './hostile-rig.ts';
import { PARSERS, tidyUp } from './parsers.ts';
import { mebibytes, storm } from './storm.ts';

const ROUND = 200;
const FAULTS = 5;
const HANG_MS = 2_000;

const { values } = parseArgs({
  options: { parsers: { type: 'string' }, n: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' } },
});

process.exitCode =
  values.parsers === undefined
    ? await requests(Number(values.n), Number(values.seed))
    : await parsers(Number(values.parsers), Number(values.seed));
tidyUp();

async function requests(count: number, seed: number): Promise<number> {
  const hostile = hostileRig();
  try {
    const daemon = await hostile.rig.start();
    const figures = await storm({ hostile, requests: count, seed, daemonPid: daemon.pid ?? 0, said: say });
    const { seconds, outcomes, warmBytes, endBytes, mostBytes, lag } = figures;
    say(`${count} requests in ${seconds.toFixed(1)} s, seed ${seed}: ${JSON.stringify(outcomes)}`);
    say(`resident: warm ${mebibytes(warmBytes)}, most ${mebibytes(mostBytes)}, end ${mebibytes(endBytes)} MiB; event loop: ${lag}`);
    return 0;
  } catch (error) {
    say(`${(error as Error).message}\n${hostile.rig.daemonLog().split('\n').slice(-20).join('\n')}`);
    return 1;
  } finally {
    await hostile.rig.tidyUp();
  }
}

/** Each parser gets its share of the time; a text that takes longer than this one to read counts as a hang. */
async function parsers(seconds: number, seed: number): Promise<number> {
  let failed = 0;
  for (const { name, texts, read } of PARSERS) {
    const endMs = systemClock.nowMs() + (seconds * 1_000) / PARSERS.length;
    let slowest = { tookMs: 0, text: '' };
    let count = 0;
    for (let round = 0; systemClock.nowMs() < endMs && failed < FAULTS; round += 1) {
      for (const text of fc.sample(texts, { numRuns: ROUND, seed: seed + round })) {
        const fromMs = systemClock.nowMs();
        try {
          await read(text);
        } catch (error) {
          failed += 1;
          say(`${name}, seed ${seed + round}: ${(error as Error).stack} for ${JSON.stringify(text.slice(0, 2_000))}`);
        }
        const tookMs = systemClock.nowMs() - fromMs;
        if (tookMs > slowest.tookMs) slowest = { tookMs, text };
        count += 1;
      }
    }
    say(`${name}: ${count} texts, the slowest ${slowest.tookMs.toFixed(1)} ms for ${slowest.text.length} characters`);
    if (slowest.tookMs > HANG_MS) {
      failed += 1;
      say(JSON.stringify(slowest.text.slice(0, 2_000)));
    }
  }
  return failed === 0 ? 0 : 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
