/**
 * `lease-clients.ts SOCKET POOL,POOL CLIENTS SECONDS [WAIT_MS]`: each client takes a lease (waiting in the queue for that long) and gives it back, again and
 * again, of one pool after the other; prints what came of it as JSON.
 */
import { allOf, BareExchange } from './bare-exchange.ts';
import { byValue, upTo } from './figures.ts';

const [socketPath = '', poolsText = '', clientsText = '1', secondsText = '1', waitText = '0'] = process.argv.slice(2);
const pools = poolsText.split(',');
const endMs = performance.now() + Number(secondsText) * 1_000;
const tookMs: number[] = [];
const before = process.cpuUsage();

await allOf(Number(clientsText), (number, done) => {
  const body = JSON.stringify({ holder: `client-${number}`, waitMs: Number(waitText) });
  const head = `HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  let turn = number;
  let fromMs = 0;
  const ask = (): void => {
    fromMs = performance.now();
    exchange.ask(`POST /v1/pools/${pools[turn % pools.length]}/leases ${head}`);
    turn += 1;
  };
  const released = (): void => {
    const nowMs = performance.now();
    tookMs.push(nowMs - fromMs);
    if (nowMs < endMs) return ask();
    exchange.end();
    done();
  };
  const exchange = new BareExchange(socketPath, (status, answer) => {
    if (status === '201') exchange.ask(releaseOf(JSON.parse(answer) as Granted));
    else if (status === '200') released();
    else throw new Error(`cannot take a lease and give it back: ${status} ${answer}`);
  });
  ask();
});
const sorted = tookMs.toSorted(byValue);
const { user, system } = process.cpuUsage(before);
const cpuMs = (user + system) / 1_000;
process.stdout.write(JSON.stringify({ pairs: sorted.length, p50Ms: upTo(sorted, 0.5), p99Ms: upTo(sorted, 0.99), cpuMs }));

interface Granted {
  readonly id: string;
  readonly token: string;
}

function releaseOf({ id, token }: Granted): string {
  return `DELETE /v1/leases/${id} HTTP/1.1\r\nhost: localhost\r\npoold-lease-token: ${token}\r\n\r\n`;
}
