/** Ports as an honest adapter gives them out: kept by their replica, never two owners, test-bound before the spawn. */
import type { PortSpec } from '../../src/config/spec.ts';
import type { EngineRef, Side } from '../../src/engine/identity.ts';
import type { Ground } from './ground.ts';

export interface PortAsked {
  /** Port → whose it is. */
  readonly ports: Map<number, string>;
  readonly ground: Ground;
  /** A replica's side keeps its port. */
  readonly owner: string;
  readonly spec: PortSpec;
}

const AUTO: readonly [number, number] = [20_000, 20_100];

/** A replica has a port for each of its sides. */
export function ownerOf({ pool, replica, side }: Pick<EngineRef, 'pool' | 'replica'> & { readonly side: Side }): string {
  return `${pool}/${replica} ${side}`;
}

/** The side's port, now its own; `busy` where a stranger, or a process that was let go of, listens. */
export function portFor(given: PortAsked): number | 'busy' {
  const { ports, ground, owner, spec } = given;
  const [low, high] = spec === 'auto' ? AUTO : typeof spec === 'number' ? [spec, spec] : spec;
  const mine = [...ports].find(([, whose]) => whose === owner)?.[0];
  if (mine !== undefined && mine >= low && mine <= high) return taken(ground, mine) ? 'busy' : claimed(given, mine);
  for (let port = low; port <= high; port += 1) if (!ports.has(port) && !taken(ground, port)) return claimed(given, port);
  return 'busy';
}

function claimed({ ports, owner }: PortAsked, port: number): number {
  for (const [other, whose] of ports) if (whose === owner && other !== port) ports.delete(other);
  ports.set(port, owner);
  return port;
}

function taken(ground: Ground, port: number): boolean {
  return ground.strangerOn(port) || ground.processes.allLiving().some((process) => process.port === port);
}
