/** Every route of the table × every door × every token × Host × Origin, against the verdict of `verdict.ts`. */
import { Agent } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { methodsOf, ROUTES } from '../../src/api/routes.ts';
import { createToken } from '../../src/api/tokens.ts';
import { goodRequest, happened } from './good-request.ts';
import type { Asked, Served, Told } from './served.ts';
import { ask, served } from './served.ts';
import type { DoorName, Proof, Sent } from './verdict.ts';
import { DOORS, HOSTS, ORIGINS, PROOFS, verdictOf } from './verdict.ts';

let at: Served;
let expired: string;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

beforeAll(async () => {
  at = await served({ withTcp: true, metrics: { host: '127.0.0.1', port: 0 } });
  at.host.leases.stays = false;
  expired = createToken({ file: at.tokensFile, id: 'old', role: 'admin', expiresMs: 0 });
});
afterAll(async () => {
  agent.destroy();
  expect(at.logged).toEqual([]);
  await at.stop();
});

type Case = Omit<Sent, 'route'>;

function cases(hosts: number, origins: number): readonly Case[] {
  return DOORS.flatMap((door) =>
    // Beside TCP a token is a header like any other.
    (door === 'tcp' ? PROOFS : (['none'] as const)).flatMap((proof) =>
      Object.keys(HOSTS)
        .slice(0, hosts)
        .flatMap((host) => ORIGINS.slice(0, origins).map((origin) => ({ door, proof, host, origin }))),
    ),
  );
}

const FEW = cases(3, 3);
const ALL = cases(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
/** An open one and one that is not, on which every name is tried. */
const TRIED_WHOLE: readonly string[] = ['/health', '/v1/pools'];

function place(door: DoorName): Pick<Asked, 'port' | 'socketPath'> {
  if (door === 'tcp') return { port: at.serving.tcpPort };
  if (door === 'metrics') return { port: at.serving.metricsPort };
  return { socketPath: door === 'api.sock' ? at.socketPath : at.leaseSocketPath };
}

function authorization(proof: Proof): Readonly<Record<string, string>> {
  switch (proof) {
    case 'none':
      return {};
    case 'unknown':
      return { authorization: `Bearer ${at.tokens.admin.slice(0, -1)}` };
    case 'expired':
      return { authorization: `Bearer ${expired}` };
    case 'not a bearer':
      return { authorization: `Basic ${Buffer.from(`admin:${at.tokens.admin}`).toString('base64')}` };
    default:
      return { authorization: `bearer ${at.tokens[proof]}` };
  }
}

/** What was answered, in the words of the verdicts; after ten wrong tokens the answer to the next is another, to the same effect. */
function toldBy({ status, json }: Told, method: string): string {
  if (status < 300) return 'in';
  if (method === 'HEAD') return { 401: 'unauthorized', 403: 'forbidden', 404: 'not_found', 429: 'unauthorized' }[status] ?? String(status);
  return json.code === 'rate_limited' ? 'unauthorized' : json.code;
}

test.each(ROUTES.flatMap((route) => methodsOf(route).map((method) => [`${method} ${route.path}`, route, method] as const)))(
  '%s',
  async (_name, route, method) => {
    const wrong: string[] = [];
    for (const { door, proof, host, origin } of TRIED_WHOLE.includes(route.path) ? ALL : FEW) {
      const sent: Sent = { route, door, proof, host, origin };
      const verdict = verdictOf(sent);
      const good = await goodRequest(at, route);
      const headers = { ...good.headers, ...authorization(proof), host, ...(origin === null ? {} : { origin }) };
      const before = happened(at);
      const told = await ask(at, { ...good, ...place(door), method, headers, agent });
      const answer = toldBy(told, method);
      const what = `${door} as ${proof}, host ${JSON.stringify(host)}, origin ${JSON.stringify(origin)}`;
      if (answer !== verdict) wrong.push(`${what}: ${answer} (${told.status}) and not ${verdict}`);
      else if (verdict !== 'in' && JSON.stringify(happened(at)) !== JSON.stringify(before)) wrong.push(`${what}: refused, and done`);
    }
    expect(wrong).toEqual([]);
  },
);

test('all verdicts occur, and each door lets somebody in', () => {
  const verdicts = ROUTES.flatMap((route) => FEW.map((one) => [one.door, verdictOf({ route, ...one })] as const));
  expect(new Set(verdicts.map(([, verdict]) => verdict))).toEqual(new Set(['in', 'forbidden', 'not_found', 'unauthorized']));
  expect(new Set(verdicts.filter(([, verdict]) => verdict === 'in').map(([door]) => door))).toEqual(new Set(DOORS));
});
