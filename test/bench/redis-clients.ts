/**
 * `redis-clients.ts PACKAGE_JSON SOCKET CLIENTS SECONDS SLOTS`: as `lease-clients.ts`, of a pool that two scripts keep in Redis. The client is that of the
 * package.json. A pool is the slots that are free, the leases by their expiry, a counter of tokens, and a hash for each lease.
 */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { byValue, upTo } from './figures.ts';

interface RedisClient {
  connect(): Promise<unknown>;
  close(): Promise<void>;
  scriptLoad(script: string): Promise<string>;
  evalSha(sha: string, options: { readonly keys: readonly string[]; readonly arguments: readonly string[] }): Promise<unknown>;
  del(keys: readonly string[]): Promise<unknown>;
  rPush(key: string, values: readonly string[]): Promise<unknown>;
}

interface RedisModule {
  createClient(options: { readonly socket: { readonly path: string; readonly tls: false } }): RedisClient;
}

const [packagePath = '', path = '', clientsText = '1', secondsText = '1', slotsText = '1'] = process.argv.slice(2);
const { createClient } = createRequire(packagePath)('@redis/client') as RedisModule;
const TTL_MS = '30000';
const POOL = ['pool:free', 'pool:leases', 'pool:token'];

/** Whoever has not renewed loses his slot, then a free one is taken. Time is that of the server. */
const ACQUIRE = `
local now = redis.call('TIME')
local nowMs = now[1] * 1000 + math.floor(now[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', nowMs, 'LIMIT', 0, 100)) do
  redis.call('RPUSH', KEYS[1], redis.call('HGET', 'lease:' .. id, 'slot'))
  redis.call('ZREM', KEYS[2], id)
  redis.call('DEL', 'lease:' .. id)
end
local slot = redis.call('LPOP', KEYS[1])
if not slot then return false end
local token = redis.call('INCR', KEYS[3])
redis.call('ZADD', KEYS[2], nowMs + ARGV[3], ARGV[1])
redis.call('HSET', 'lease:' .. ARGV[1], 'token', token, 'slot', slot, 'holder', ARGV[2], 'grantedAt', nowMs, 'ttl', ARGV[3])
return {token, slot}`;

const RELEASE = `
local lease = redis.call('HMGET', 'lease:' .. ARGV[1], 'token', 'slot')
if not lease[1] then return 'already_ended' end
if lease[1] ~= ARGV[2] then return 'stale_token' end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('DEL', 'lease:' .. ARGV[1])
redis.call('RPUSH', KEYS[1], lease[2])
return 'released'`;

const clients = Array.from({ length: Number(clientsText) }, () => createClient({ socket: { path, tls: false } }));
await Promise.all(clients.map((client) => client.connect()));
const [first] = clients;
if (first === undefined) throw new Error('there are no clients');
await first.del(POOL);
await first.rPush(
  'pool:free',
  Array.from({ length: Number(slotsText) }, (_, slot) => String(slot)),
);
const [acquire, release] = [await first.scriptLoad(ACQUIRE), await first.scriptLoad(RELEASE)];
const tookMs: number[] = [];
const before = process.cpuUsage();
const endMs = performance.now() + Number(secondsText) * 1_000;
await Promise.all(clients.map((client, number) => pairs(client, `client-${number}`)));
const { user, system } = process.cpuUsage(before);
await Promise.all(clients.map((client) => client.close()));
const sorted = tookMs.toSorted(byValue);
process.stdout.write(
  JSON.stringify({ pairs: sorted.length, p50Ms: upTo(sorted, 0.5), p99Ms: upTo(sorted, 0.99), cpuMs: (user + system) / 1_000 }),
);

async function pairs(client: RedisClient, holder: string): Promise<void> {
  for (let fromMs = performance.now(); fromMs < endMs; fromMs = performance.now()) {
    const id = randomUUID();
    const granted = (await client.evalSha(acquire, { keys: POOL, arguments: [id, holder, TTL_MS] })) as [number, string] | null;
    if (granted === null) throw new Error('no slot is free');
    const said = await client.evalSha(release, { keys: POOL, arguments: [id, String(granted[0])] });
    if (said !== 'released') throw new Error(`cannot give the lease back: ${said}`);
    tookMs.push(performance.now() - fromMs);
  }
}
