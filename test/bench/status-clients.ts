/** `status-clients.ts SOCKET POOL CLIENTS SECONDS`: each client asks for the pool's state, again and again; prints how long that took as JSON. */
import { allOf, BareExchange } from './bare-exchange.ts';
import { byValue, upTo } from './figures.ts';

const [socketPath = '', pool = '', clientsText = '1', secondsText = '1'] = process.argv.slice(2);
const endMs = performance.now() + Number(secondsText) * 1_000;
const request = `GET /v1/pools/${pool} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
const tookMs: number[] = [];

await allOf(Number(clientsText), (_, done) => {
  let fromMs = 0;
  const ask = (): void => {
    fromMs = performance.now();
    exchange.ask(request);
  };
  const exchange = new BareExchange(socketPath, (status, answer) => {
    if (status !== '200') throw new Error(`cannot ask for the state of ${pool}: ${status} ${answer}`);
    const nowMs = performance.now();
    tookMs.push(nowMs - fromMs);
    if (nowMs < endMs) return ask();
    exchange.end();
    done();
  });
  ask();
});
const sorted = tookMs.toSorted(byValue);
const figures = { answers: sorted.length, p50Ms: upTo(sorted, 0.5), p99Ms: upTo(sorted, 0.99), mostMs: sorted.at(-1) };
process.stdout.write(JSON.stringify(figures));
