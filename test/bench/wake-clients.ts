/**
 * `wake-clients.ts SOCKET POOL WAITING HANDOVERS`: so many wait for the one slot; whoever gets it gives it back and queues again. Prints as JSON how long
 * it took from the release to the next one's answer.
 */
import { BareExchange } from './bare-exchange.ts';
import { byValue, upTo } from './figures.ts';

const [socketPath = '', pool = '', waitingText = '1', handoversText = '1'] = process.argv.slice(2);
const [waiting, handovers] = [Number(waitingText), Number(handoversText)];
const body = JSON.stringify({ holder: 'waits', waitMs: 600_000 });
const acquire = `POST /v1/pools/${pool}/leases HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const tookMs: number[] = [];
let releasedMs = 0;
let queued = 0;

interface Client {
  readonly exchange: BareExchange;
  isReleasing: boolean;
}

const clients: Client[] = [];
await new Promise<void>((over) => {
  for (let number = 0; number <= waiting; number += 1) {
    const client: Client = {
      isReleasing: false,
      exchange: new BareExchange(socketPath, (status, answer) => {
        if (client.isReleasing && status === '200') queuesAgain(client);
        else if (status === '201') granted(client, JSON.parse(answer) as { id: string; token: string }, over);
        else throw new Error(`cannot hand over a slot: ${status} ${answer}`);
      }),
    };
    clients.push(client);
    client.exchange.ask(acquire);
  }
});
for (const { exchange } of clients) exchange.end();
const sorted = tookMs.toSorted(byValue);
process.stdout.write(JSON.stringify({ rounds: sorted.length, p50Ms: upTo(sorted, 0.5), p99Ms: upTo(sorted, 0.99), mostMs: sorted.at(-1) }));
process.exit();

function granted(client: Client, { id, token }: { readonly id: string; readonly token: string }, over: () => void): void {
  if (releasedMs > 0) tookMs.push(performance.now() - releasedMs);
  if (tookMs.length >= handovers) return over();
  client.isReleasing = true;
  // The first one goes on when all others have asked, later ones when the one before has queued again.
  setTimeout(
    () => {
      releasedMs = performance.now();
      client.exchange.ask(`DELETE /v1/leases/${id} HTTP/1.1\r\nhost: localhost\r\npoold-lease-token: ${token}\r\n\r\n`);
    },
    queued === 0 ? 1_000 : 1,
  );
  queued += 1;
}

function queuesAgain(client: Client): void {
  client.isReleasing = false;
  client.exchange.ask(acquire);
}
