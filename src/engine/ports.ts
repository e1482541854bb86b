/** Who has which port, over all pools of the host's daemon: a port belongs to a replica until it is given up, and never to two. */
import { createServer } from 'node:net';
import type { PoolSpec, PortSpec } from '../config/spec.ts';
import { templateNames } from '../config/template.ts';
import type { Side } from './identity.ts';
import { engineId } from './identity.ts';
import { portHolder } from './port-holder.ts';

export interface PortOrder {
  /** `chat/0` */
  readonly engine: string;
  readonly wanted: PortSpec;
  readonly host: string;
}

/** `busy`: every port it may have is another replica's, or held by somebody else, who is named in `message`. */
export type PortAnswer = { readonly is: 'free'; readonly port: number } | { readonly is: 'busy'; readonly message: string };

export class Ports {
  readonly #range: readonly [number, number];
  readonly #fixed: ReadonlySet<number>;
  readonly #owners = new Map<number, string>();
  #next: number;

  /** `range`: what `auto` takes from, both ends included, but for those in `fixed`, which a pool names as its own. */
  constructor(range: readonly [number, number], fixed: ReadonlySet<number> = new Set()) {
    this.#range = range;
    this.#fixed = fixed;
    this.#next = range[0];
  }

  /** The port of an engine that was adopted. False when it is another's already. */
  keep(engine: string, port: number): boolean {
    const owner = this.#owners.get(port);
    if (owner !== undefined && owner !== engine) return false;
    this.#giveUpBut(engine, port);
    this.#owners.set(port, engine);
    return true;
  }

  of(engine: string): number | null {
    for (const [port, owner] of this.#owners) if (owner === engine) return port;
    return null;
  }

  giveUp(engine: string): void {
    this.#giveUpBut(engine, null);
  }

  /**
   * The replica's own port if it may still have it and nobody else listens there, else the next one that is free; it stays the replica's.
   * Each candidate is test-bound; it is taken BEFORE that, so two that ask at once never get the same.
   */
  async take(order: PortOrder): Promise<PortAnswer> {
    const { engine, wanted, host } = order;
    let refused: string | null = null;
    for (const port of this.#candidates(engine, wanted)) {
      const owner = this.#owners.get(port);
      if (owner !== undefined && owner !== engine) {
        refused ??= `port ${port} belongs to ${owner}`;
        continue;
      }
      this.#giveUpBut(engine, port);
      this.#owners.set(port, engine);
      if (await canBind(host, port)) return { is: 'free', port };
      refused ??= `port ${port} is held by ${portHolder(port) ?? 'a process that cannot be seen from here'}`;
      // A fixed port stays reserved: it is this replica's, whoever sits on it now.
      if (typeof wanted !== 'number') this.#owners.delete(port);
    }
    const more = typeof wanted === 'number' ? '' : `, and no other port of ${this.#bounds(wanted).join('-')} is free`;
    return { is: 'busy', message: `${refused ?? 'there is no port left'}${more}` };
  }

  *#candidates(engine: string, wanted: PortSpec): Generator<number> {
    if (typeof wanted === 'number') {
      yield wanted;
      return;
    }
    const [from, to] = this.#bounds(wanted);
    const own = this.of(engine);
    if (own !== null && own >= from && own <= to) yield own;
    const count = to - from + 1;
    const start = wanted === 'auto' ? this.#next - from : 0;
    for (let step = 0; step < count; step += 1) {
      const port = from + ((start + step) % count);
      if (this.#owners.has(port) || (wanted === 'auto' && this.#fixed.has(port))) continue;
      // `auto` goes round the range: a port just given up rests before it is another's.
      if (wanted === 'auto') this.#next = from + ((port - from + 1) % count);
      yield port;
    }
  }

  #bounds(wanted: Exclude<PortSpec, number>): readonly [number, number] {
    return wanted === 'auto' ? this.#range : wanted;
  }

  #giveUpBut(engine: string, kept: number | null): void {
    for (const [port, owner] of this.#owners) if (owner === engine && port !== kept) this.#owners.delete(port);
  }
}

/** Whether anything of the pool speaks of a port; where not, none is taken nor bound. */
export function usesPort(spec: PoolSpec): boolean {
  const { engine, probes } = spec;
  if (engine.port !== 'auto') return true;
  const actions = [probes.startup?.action, probes.readiness?.action, probes.liveness?.action];
  if (probes.progress !== null || actions.some((action) => action?.by === 'httpGet' || action?.by === 'tcpSocket')) return true;
  const commands = [
    engine.command,
    engine.preflight?.command,
    spec.stop.command,
    ...actions.map((one) => (one?.by === 'exec' ? one.command : null)),
  ];
  const texts = [...commands.flatMap((command) => command ?? []), ...Object.values(engine.env), engine.advertise ?? ''];
  return texts.some((text) => templateNames(text).includes('port'));
}

/** True also where we may not try (a privileged port, an address of another host): the engine will tell. */
function canBind(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => resolve(cause.code !== 'EADDRINUSE'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Whose a port is: `chat/0`, and `chat/0 (b)` for what runs beside it. */
export function portOwner({ pool, replica, side }: { readonly pool: string; readonly replica: number; readonly side: Side }): string {
  const id = engineId({ pool, replica });
  return side === 'a' ? id : `${id} (${side})`;
}
