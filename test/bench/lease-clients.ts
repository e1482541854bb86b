/** `lease-clients.ts SOCKET POOL CLIENTS SECONDS`: each client takes a lease and gives it back, again and again; prints what came of it as JSON. */
import { Agent, request } from 'undici';

const [socketPath = '', pool = '', clientsText = '1', secondsText = '1'] = process.argv.slice(2);
const clients = Number(clientsText);
const endMs = performance.now() + Number(secondsText) * 1_000;
const agent = new Agent({ connect: { socketPath }, connections: clients, pipelining: 1 });
const tookMs: number[] = [];

async function pair(holder: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ holder, waitMs: 0 });
  const granted = await request(`http://poold/v1/pools/${pool}/leases`, { dispatcher: agent, method: 'POST', headers, body });
  if (granted.statusCode !== 201) throw new Error(`cannot take a lease: ${await granted.body.text()}`);
  const { id, token } = (await granted.body.json()) as { id: string; token: string };
  const release = { dispatcher: agent, method: 'DELETE', headers: { 'poold-lease-token': token } } as const;
  const released = await request(`http://poold/v1/leases/${id}`, release);
  if (released.statusCode !== 200) throw new Error(`cannot give it back: ${await released.body.text()}`);
  await released.body.dump();
}

async function client(holder: string): Promise<void> {
  while (performance.now() < endMs) {
    const fromMs = performance.now();
    await pair(holder);
    tookMs.push(performance.now() - fromMs);
  }
}

await Promise.all(Array.from({ length: clients }, (_, number) => client(`client-${number}`)));
await agent.close();
const sorted = tookMs.toSorted((one, other) => one - other);
const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
process.stdout.write(JSON.stringify({ pairs: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) }));
