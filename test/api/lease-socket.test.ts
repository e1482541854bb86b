import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ServeOptions } from '../../src/api/serve.ts';
import { serve } from '../../src/api/serve.ts';
import { systemClock } from '../../src/clock.ts';
import type { Asked, Served, Told } from './served.ts';
import { ask, served } from './served.ts';

let at: Served;
beforeEach(async () => {
  at = await served();
});
afterEach(() => at.stop());

const leases = (asked: Asked): Promise<Told> => ask(at, { ...asked, socketPath: at.leaseSocketPath });

test('it has the mode of api.sock, lies beside it, and goes with it', async () => {
  expect(readdirSync(at.directory).sort()).toEqual(['api.sock', 'lease.sock', 'tokens']);
  expect(statSync(at.leaseSocketPath).mode & 0o777).toBe(0o660);
  await at.serving.close(100);
  expect(readdirSync(at.directory)).toEqual(['tokens']);
});

test('whoever opens it may read and hold leases, and no more', async () => {
  expect((await leases({ path: '/v1/pools' })).status).toBe(200);
  const { json } = await leases({ method: 'POST', path: '/v1/pools/chat/leases', body: {}, headers: { 'poold-actor': 'ann@pts/3' } });
  expect(json).toMatchObject({ outcome: 'granted' });
  expect(at.host.leases.asked.at(-1)?.request).toMatchObject({ holder: 'ann@pts/3', client: 'ann@pts/3' });
  for (const asked of [
    { method: 'POST', path: '/v1/pools/chat/drain', body: {} },
    { method: 'POST', path: `/v1/leases/${json.id}/revoke`, body: {} },
    { method: 'POST', path: '/v1/shutdown', body: { engines: 'stop' } },
  ])
    expect(await leases(asked)).toMatchObject({ status: 403, json: { code: 'forbidden' } });
  expect(at.host.acted).toEqual([]);
  expect(await leases({ method: 'DELETE', path: `/v1/leases/${json.id}` })).toMatchObject({ status: 403 });
  expect(at.host.leases.callers).toEqual([{ by: 'socket', claimed: true, operates: false, token: null }]);
  expect(await ask(at, { method: 'DELETE', path: `/v1/leases/${json.id}` })).toMatchObject({ status: 200 });
});

interface Again {
  readonly api: string;
  readonly lease: string;
  readonly opening?: () => void;
}

/** Into the directory of the other, under another name. */
function again({ opening = () => {}, ...names }: Again, leaseGroup: ServeOptions['listen']['socket']['leaseGroup'] = null) {
  return serve({
    listen: { socket: { mode: 0o600, group: null, leaseGroup }, tcp: null, metrics: null },
    socketPath: join(at.directory, names.api),
    leaseSocketPath: join(at.directory, names.lease),
    context: { host: at.host, clock: systemClock, events: at.host.feed, metricsText: async () => '' },
    log: { warn: () => {}, error: () => {} },
    observeRequest: () => {},
    opening,
  });
}

test('leases count their time from when every door is open, and nobody is answered before', async () => {
  const answered: string[] = [];
  const seen: string[][] = [];
  const [api, lease] = ['later-api.sock', 'later-lease.sock'];
  const opening = (): void => {
    seen.push([...answered, ...readdirSync(at.directory).filter((name) => name.startsWith('later'))]);
    answered.push('opening');
  };
  const serving = again({ api, lease, opening });
  // lease.sock is there before api.sock: whoever comes in between waits.
  while (!existsSync(join(at.directory, lease))) await new Promise(setImmediate);
  expect(await ask(at, { path: '/v1/pools', socketPath: join(at.directory, lease) })).toMatchObject({ status: 200 });
  answered.push('a client');
  await (await serving).close(100);
  expect(seen).toEqual([[api, lease]]);
  expect(answered).toEqual(['opening', 'a client']);
});

test('api.sock comes last: while it cannot come, neither stays, and what lies there is not touched', async () => {
  const file = join(at.directory, 'other.sock');
  writeFileSync(file, 'precious');
  await expect(again({ api: 'other.sock', lease: 'l.sock' })).rejects.toThrow('something that is no socket lies there');
  expect(readFileSync(file, 'utf8')).toBe('precious');
  expect(existsSync(join(at.directory, 'l.sock'))).toBe(false);
  await expect(again({ api: 'a.sock', lease: 'other.sock' })).rejects.toThrow('something that is no socket lies there');
  expect(readFileSync(file, 'utf8')).toBe('precious');
  expect(existsSync(join(at.directory, 'a.sock'))).toBe(false);
});

test('a group that the file names and that is not there is named with its key', async () => {
  await expect(again({ api: 'a.sock', lease: 'l.sock' }, { name: 'poold-no-such-group', written: true })).rejects.toThrow(
    'cannot give the socket to the group that listen.socket.leaseGroup names: there is no group poold-no-such-group; make it with groupadd',
  );
});
