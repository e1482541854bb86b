/** `npm run races -- --rounds N --seed S`: so many rounds from that seed on. The first that breaks a promise is shown with what was drawn for it. */
import { parseArgs } from 'node:util';
import { Ground } from './race-pool.ts';
import { playedRound } from './round.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } } });
const [rounds, firstSeed] = [Number(values.rounds), Number(values.seed)];

const ground = new Ground();
const answers = new Map<string, number>();
for (let seed = firstSeed; seed < firstSeed + rounds; seed += 1) {
  const verdict = await playedRound(ground, seed);
  for (const answer of verdict.answers) answers.set(answer, (answers.get(answer) ?? 0) + 1);
  if (verdict.broken === null && rounds > 1) continue;
  process.stdout.write(`seed ${seed}: ${verdict.broken ?? 'every promise was kept'}\n${JSON.stringify(verdict, null, 1)}\n`);
  if (verdict.broken === null) continue;
  process.exitCode = 1;
  break;
}
ground.close();
process.stdout.write(`${JSON.stringify(Object.fromEntries([...answers].toSorted()), null, 1)}\n`);
