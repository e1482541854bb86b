/** A connection that is closed over unread bytes takes the answer along: a refusal has to reach whoever is still sending, beside busy cores too. */
import { expect, it } from 'vitest';
import { Wire } from '../hostile/wire.ts';
import { coresAreBusy } from './busy.ts';
import { endRigsAfterEach } from './each.ts';
import { Rig } from './rig.ts';

endRigsAfterEach();

/** Of the daemon before, one in ten of those was not answered. More than the kernel takes at once, so that the rest is sent while it is refused. */
const ROUNDS = 1_000;
const BYTES = [200_000, 250_000, 300_000, 350_000] as const;

it('is told why, whatever there is left to send', { timeout: 120_000 }, async () => {
  const rig = new Rig({ chat: { engine: { command: ['sleep', '1000'] } } });
  await rig.start();
  coresAreBusy();
  const heard = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const wire = new Wire({ path: rig.path('run/api.sock') });
    const bytes = Buffer.from(`GET /v1/pools?x=${'x'.repeat(BYTES[round % BYTES.length] ?? 0)} HTTP/1.1\r\nhost: poold\r\n\r\n`);
    const outcome = await wire.exchange({ bytes, method: 'GET', patienceMs: 10_000, headOnly: () => false });
    wire.close();
    const word = outcome.is === 'answered' ? `${outcome.answer.status}` : outcome.is;
    heard.set(word, (heard.get(word) ?? 0) + 1);
  }
  expect([...heard]).toEqual([['413', ROUNDS]]);
  await rig.endsClean();
});
