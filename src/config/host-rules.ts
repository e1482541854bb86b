/** What has to fit together on the host: listeners, and the ports of all pools. Pure; paths from the root of the file. */
import { counted } from './counted.ts';
import type { Finding, Path } from './problem.ts';
import { failure, warning } from './problem.ts';
import type { ConfigSpec, DaemonSpec, PoolSpec } from './spec.ts';

export function hostFindings(config: ConfigSpec): Finding[] {
  const { daemon, pools } = config;
  return [...listenFindings(daemon), ...fixedPortFindings(daemon, pools), ...rangeFindings(daemon, pools)];
}

/** Whether only processes of this host can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function listenFindings({ listen }: DaemonSpec): Finding[] {
  const findings: Finding[] = [];
  const { socket, tcp, metrics } = listen;
  if ((socket.mode & 0o007) !== 0) {
    findings.push(
      warning(['listen', 'socket', 'mode'], 'cannot keep anybody out: with this mode every user of the host is admin of poold'),
    );
  }
  if (tcp) {
    const path: Path = ['listen', 'tcp'];
    if (tcp.port === 0) findings.push(failure([...path, 'port'], 'cannot listen without a port: write listen.tcp.port'));
    if (tcp.tokensFile === '') {
      findings.push(
        failure([...path, 'tokensFile'], 'cannot open TCP without tokens: write listen.tcp.tokensFile and fill it with `poold token new`'),
      );
    }
    if (tcp.tls === null && !isLoopback(tcp.host)) {
      findings.push(failure([...path, 'host'], `cannot open TCP on ${tcp.host} without tls: write listen.tcp.tls, or listen on 127.0.0.1`));
    }
  }
  if (metrics?.port === 0) {
    findings.push(failure(['listen', 'metrics', 'port'], 'cannot listen without a port: write listen.metrics.port'));
  }
  return findings;
}

interface Claim {
  readonly path: Path;
  readonly host: string;
  readonly port: number;
  readonly name: string;
}

function fixedPortFindings({ listen }: DaemonSpec, pools: readonly PoolSpec[]): Finding[] {
  const claims: Claim[] = [];
  if (listen.tcp) claims.push({ path: ['listen', 'tcp', 'port'], ...listen.tcp, name: 'listen.tcp' });
  if (listen.metrics) claims.push({ path: ['listen', 'metrics', 'port'], ...listen.metrics, name: 'listen.metrics' });
  claims.push(...pools.flatMap(claimOf));
  const byPort = Map.groupBy(
    claims.filter(({ port }) => port > 0),
    ({ port }) => port,
  );
  return [...byPort.values()].flatMap((same) =>
    same.flatMap((claim, index) => {
      const earlier = same.slice(0, index).find((other) => overlap(other.host, claim.host));
      return earlier ? [failure(claim.path, `cannot use port ${claim.port}: ${earlier.name} has it`)] : [];
    }),
  );
}

function claimOf({ name, engine }: PoolSpec): Claim[] {
  if (typeof engine.port !== 'number') return [];
  return [{ path: ['pools', name, 'engine', 'port'], host: engine.host, port: engine.port, name: `pool ${name}` }];
}

function overlap(one: string, other: string): boolean {
  return (
    one === other ||
    isEverywhere(one) ||
    isEverywhere(other) ||
    (isLoopback(one) && isLoopback(other) && 'localhost' === (one < other ? other : one))
  );
}

function isEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** A port has one owner: what others hold for good is no longer there to be chosen. */
function rangeFindings({ listen, ports }: DaemonSpec, pools: readonly PoolSpec[]): Finding[] {
  const taken = [listen.tcp?.port, listen.metrics?.port, ...pools.map(({ engine }) => engine.port)].filter(
    (port) => typeof port === 'number',
  );
  const free = ([from, to]: readonly [number, number]): number =>
    to - from + 1 - new Set(taken.filter((port) => port >= from && port <= to)).size;
  const findings: Finding[] = [];
  const wanted = pools.filter(({ engine }) => engine.port === 'auto').reduce((sum, { replicas }) => sum + replicas, 0);
  if (wanted > free(ports)) {
    findings.push(
      failure(
        ['ports'],
        `cannot give ${counted(wanted, 'engine')} with port: auto a port each: [${ports[0]}, ${ports[1]}] has ${free(ports)} left`,
      ),
    );
  }
  for (const { name, engine, replicas } of pools) {
    const range = engine.port;
    if (typeof range === 'number' || range === 'auto' || range[1] - range[0] + 1 < replicas || free(range) >= replicas) continue;
    findings.push(
      failure(
        ['pools', name, 'engine', 'port'],
        `cannot give ${counted(replicas, 'replica')} a port each: fixed ports elsewhere leave ${free(range)} of [${range[0]}, ${range[1]}]`,
      ),
    );
  }
  return findings;
}
