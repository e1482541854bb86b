/** A scripted pool that is reloaded: people lease its engines, and each generation of a replica can be told apart. */
import type { EngineState } from '../../src/engine/engine-state.ts';
import { livePhase } from '../../src/engine/engine-state.ts';
import type { LeaseAnswer } from '../../src/lease/lease-events.ts';
import type { ReloadCommand } from '../../src/pool/host.ts';
import { operationShown } from '../../src/pool/operation-state.ts';
import type { Operation } from '../../src/pool/status.ts';
import { allEngines, specOf } from '../../src/pool/turn.ts';
import type { SpecChange } from '../pool/pool-spec.ts';
import { Script } from '../pool/script.ts';
import { WALL_MS } from '../pool/world.ts';

export type ReloadWords = Partial<Omit<ReloadCommand, 'do'>>;

export class Reloads extends Script {
  #asked = 0;

  constructor(change: SpecChange = {}) {
    super(change);
    this.state = { ...this.state, open: true };
  }

  /** The daemon takes requests. */
  opened(): this {
    return this.send({ type: 'opened' });
  }

  /** The next daemon, to the end of its start. */
  override daemonStarts(...file: Parameters<Script['daemonStarts']>): this {
    return super.daemonStarts(...file).opened();
  }

  /** To v2, where nothing else is said; the operation's id. */
  reload(words: ReloadWords = {}): string {
    return this.tell({
      do: 'reload',
      version: 'v2',
      vars: {},
      strategy: null,
      deadlineMs: null,
      cutLeases: false,
      same: false,
      admin: true,
      ...words,
    });
  }

  /** The polite one: a reload to the same spec. */
  restartSoftly(replica: number | null = null): string {
    return this.tell({ do: 'restart', replica, now: false });
  }

  cancel(id: string): this {
    return this.send({ type: 'cancel', operationId: id, stamp: { by: 'ann', atMs: WALL_MS + this.nowMs, reason: null } });
  }

  /** For an hour; waits, where nothing is free, for as long as the pool's queue lets it. */
  lease(holder: string): LeaseAnswer {
    this.#asked += 1;
    const to = this.#asked;
    this.send({
      type: 'acquire',
      to,
      leaseId: `l-${holder}`,
      ticketId: `t-${holder}`,
      holder,
      client: holder,
      ttlMs: 3_600_000,
      priority: 5,
      bind: 'ttl',
      key: null,
      patience: { waitMs: 3_600_000 },
    });
    return this.#answerTo(to);
  }

  release(holder: string): this {
    for (const engine of allEngines(this.state)) {
      for (const lease of engine.seats) {
        if (lease?.holder !== holder) continue;
        this.#asked += 1;
        const seat = { replica: engine.replica, generation: engine.generation, slot: lease.slot };
        this.send({ type: 'release', to: this.#asked, id: lease.id, seat, token: null, engineFailed: false });
      }
    }
    return this;
  }

  /** `0#1 v1` where the holder's lease sits, or null. */
  seatOf(holder: string): string | null {
    const engine = allEngines(this.state).find(({ seats }) => seats.some((lease) => lease?.holder === holder));
    return engine === undefined ? null : this.#shown(engine);
  }

  /** `0#2 v2 ready, 1#1 v1 ready`: the engines that serve, then in brackets those beside them. */
  generations(): string {
    const serving = this.state.engines.map((engine) => this.#shown(engine));
    const beside = this.state.others.map((engine) => `[${engine.role} ${this.#shown(engine)}]`);
    return [...serving, ...beside].join(', ');
  }

  /** A readiness result for one generation. */
  ready(replica: number, generation: number, ok: boolean): this {
    return this.send({ type: 'probed', replica, generation, result: { kind: 'readiness', ok, message: ok ? 'ok' : 'not now' } });
  }

  /** As the API shows it, also while it runs. */
  shown(id: string): Operation {
    const active = this.state.operations.find((operation) => operation.id === id);
    if (active === undefined) return this.operation(id);
    return operationShown(this.state, active, { verdict: null, nowMs: this.nowMs, wallMs: WALL_MS + this.nowMs });
  }

  /** How many engines new leases can go to. */
  get readyCount(): number {
    return this.state.engines.filter(({ phase, closing }) => phase.is === 'ready' && closing === null).length;
  }

  /** Nothing of a reload is left over. */
  leftovers(): string[] {
    const { rollout, others, waitingReload, operations, specs, specId, engines } = this.state;
    const used = new Set([specId, ...allEngines(this.state).map((engine) => livePhase(engine)?.run.specId)]);
    return [
      ...(rollout === null ? [] : [`a rollout at ${rollout.step}`]),
      ...others.map((engine) => `a ${engine.role}`),
      ...(waitingReload === null ? [] : ['a waiting reload']),
      ...operations.map(({ kind }) => `an open ${kind}`),
      ...Object.keys(specs).flatMap((id) => (used.has(id) ? [] : [`the spec ${id}`])),
      ...engines.flatMap((engine) => (engine.specId === null ? [] : [`a spec of its own for ${engine.replica}`])),
      ...[...this.ports.keys()].flatMap((owner) =>
        engines.some((engine) => owner === `${engine.replica}${engine.side}`) ? [] : [`a port of ${owner}`],
      ),
      ...(this.places === 0 ? [] : [`${this.places} places to spawn`]),
    ];
  }

  #shown(engine: EngineState): string {
    const run = livePhase(engine)?.run;
    const version = run === undefined ? '-' : specOf(this.state, run.specId).engine.version;
    const closing = engine.closing === null ? '' : ' draining';
    return `${engine.replica}#${engine.generation} ${version} ${engine.phase.is}${closing}`;
  }

  #answerTo(to: number): LeaseAnswer {
    const effect = this.effects.findLast((one) => one.do === 'answer' && one.to === to);
    if (effect?.do !== 'answer') throw new Error(`nobody answered ${to}`);
    return effect.answer;
  }
}
