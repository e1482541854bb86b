/** Invariants 11, 31 and 32: whom a drain serves, when it cuts, and that its deadline stays what it is over any death of the daemon. */
import type { Closing, EngineState } from '../../../src/engine/engine-state.ts';
import type { EngineRef } from '../../../src/engine/identity.ts';
import type { Drain, PoolState } from '../../../src/pool/pool-state.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { emitted, everyEngine, lifeIn, runOf } from './questions.ts';

interface PoolDrain {
  readonly sinceMs: number;
  readonly deadlineMs: number;
  /** Who was waiting when it began. */
  readonly served: ReadonlySet<string>;
}

const UNHEARD_MAX = 3;

export class DrainRule implements Rule {
  readonly #drains = new Map<string, PoolDrain>();
  /** Per pool, as the last step left it. */
  readonly #last = new Map<string, PoolState>();
  /** `chat/0#3` → how its closing was last stored. */
  readonly #closings = new Map<string, Closing>();
  /** What its gauge has said since then. */
  readonly #users = new Map<string, number>();
  /** Questions in a row that its gauge has not answered. */
  readonly #silent = new Map<string, number>();

  booting(): void {
    this.#silent.clear();
    this.#users.clear();
  }

  stepped(step: Step): void {
    if (this.#last.get(step.pool) !== step.before) this.#goesOn(step);
    this.#last.set(step.pool, step.after);
    this.#served(step);
    this.#heard(step);
    this.#cut(step);
    this.#stored(step);
    if (step.after.restoring) return;
    for (const { replica, phase, closing } of everyEngine(step.after)) {
      const serves = phase.is === 'ready' || phase.is === 'unready';
      const late = serves && closing !== null && closing.deadlineMs <= step.nowMs;
      must(!late, 'forced', () => `${step.pool}/${replica} was to be ended at ${closing?.deadlineMs}, it is ${step.nowMs}`);
    }
  }

  /** What another daemon takes up is what was stored by the last one's last step. */
  #goesOn({ pool, before, event }: Step): void {
    if (event.type === 'rebooted') return;
    const known = this.#drains.get(pool);
    must(
      before.drain?.deadlineMs === known?.deadlineMs && before.drain?.sinceMs === known?.sinceMs,
      'deadline',
      () => `the drain of ${pool} was to end at ${known?.deadlineMs}, now it is ${before.drain?.deadlineMs}`,
    );
    for (const { replica, generation, closing } of everyEngine(before)) {
      const key = `${pool}/${replica}#${generation}`;
      const stored = this.#closings.get(key);
      must(
        closing?.deadlineMs === stored?.deadlineMs,
        'deadline',
        () => `${key} was to be ended at ${stored?.deadlineMs}, now it is ${closing?.deadlineMs}`,
      );
    }
  }

  /** Newcomers have nothing of a drain, and nobody has after the deadline. */
  #served(step: Step): void {
    const { pool, before, after, nowMs } = step;
    const drained = before.wanted.state === 'drained' && after.wanted.state === 'drained';
    if (!drained || step.leasing.length === 0) return;
    const drain = this.#drains.get(pool);
    const promoted = new Map<string, string>();
    for (const happening of step.leasing) {
      if (happening.is === 'out' && happening.ended.lease !== null) promoted.set(happening.ended.lease.lease.id, happening.ended.ticket.id);
    }
    for (const happening of step.leasing) {
      if (happening.is !== 'granted') continue;
      const ticket = promoted.get(happening.id);
      must(
        drain?.served.has(ticket ?? '') === true,
        'drains',
        () => `${happening.id} is granted while ${pool} is drained, and was not waiting before`,
      );
      must(
        nowMs < (drain?.deadlineMs ?? 0),
        'drains',
        () => `${happening.id} is granted at ${nowMs}, the deadline of the drain of ${pool} is ${drain?.deadlineMs}`,
      );
    }
  }

  #heard({ pool, before, event }: Step): void {
    if (event.type !== 'probed' || event.result.kind !== 'inUse' || lifeIn(before, event) === undefined) return;
    const key = `${pool}/${event.replica}#${event.generation}`;
    const silent = event.result.ok ? 0 : (this.#silent.get(key) ?? 0) + 1;
    this.#silent.set(key, silent);
    // A gauge that is silent for so long cannot be seen: then only leases are waited for.
    if (silent >= UNHEARD_MAX) this.#users.delete(key);
    else if (event.result.ok && lifeIn(before, event)?.closing != null) this.#users.set(key, event.result.busy ?? 0);
  }

  /** Force-stop at the deadline: what a person's word, a reload or a shutdown ends, it ends when nobody uses it, or then. */
  #cut(step: Step): void {
    for (const effect of step.effects) if (effect.do === 'terminate') this.#told(step, effect.ref);
    for (const happening of step.leasing) {
      if (happening.is !== 'ended' || happening.ended.how !== 'forced') continue;
      const { seat, lease } = happening.ended.held;
      const deadlines = [lifeIn(step.before, seat), lifeIn(step.after, seat)].flatMap((engine) => engine?.closing?.deadlineMs ?? []);
      const due = deadlines.some((deadlineMs) => step.nowMs >= deadlineMs);
      must(due, 'forced', () => `${lease.id} is cut at ${step.nowMs}, the deadline is ${deadlines.join() || 'none'}`);
    }
  }

  #told(step: Step, ref: EngineRef): void {
    const { before, after, nowMs, event } = step;
    const engine = lifeIn(before, ref);
    const told = lifeIn(after, ref);
    if (engine === undefined || event.type === 'adopted' || runOf(told)?.endReason !== 'requested') return;
    if (engine.phase.is !== 'ready' && engine.phase.is !== 'unready') return;
    const key = `${ref.pool}/${ref.replica}#${ref.generation}`;
    const deadlineMs = told?.closing?.deadlineMs ?? Number.NEGATIVE_INFINITY;
    const users = engine.closing === null ? 0 : (this.#users.get(key) ?? 0);
    must(nowMs >= deadlineMs || users === 0, 'forced', () => `${key} is ended at ${nowMs}, ${users} use it, its deadline is ${deadlineMs}`);
  }

  #stored(step: Step): void {
    const { pool, before, after, event } = step;
    const extended = event.type === 'command' && event.command.do === 'drain' && event.command.extend;
    const known = this.#drains.get(pool);
    const { drain } = after;
    if (drain === null) {
      const over = known === undefined || event.type === 'rebooted' || emitted(step, 'drain.finished').length > 0;
      must(over, 'deadline', () => `the drain of ${pool} is gone by ${event.type} and has not ended`);
      this.#drains.delete(pool);
    } else if (known === undefined || known.sinceMs !== drain.sinceMs) {
      this.#drains.set(pool, begun(drain, before.tickets));
    } else {
      const later = drain.deadlineMs > known.deadlineMs;
      must(
        !later || extended,
        'deadline',
        () => `the drain of ${pool} was to end at ${known.deadlineMs}, by ${event.type} it is ${drain.deadlineMs}`,
      );
      this.#drains.set(pool, { ...known, deadlineMs: drain.deadlineMs });
    }
    for (const { was, is } of step.lives) {
      const same = is !== null && is.generation === was.generation;
      if (same && is.closing === was.closing) continue;
      if (!same) this.#closings.delete(`${pool}/${was.replica}#${was.generation}`);
      if (is !== null) this.#closed(step, is, extended);
    }
  }

  #closed({ pool, event }: Step, engine: EngineState, extended: boolean): void {
    const key = `${pool}/${engine.replica}#${engine.generation}`;
    const { closing } = engine;
    const known = this.#closings.get(key);
    if (closing === null) {
      this.#closings.delete(key);
      this.#users.delete(key);
      return;
    }
    const later = known !== undefined && known.sinceMs === closing.sinceMs && closing.deadlineMs > known.deadlineMs;
    must(
      !later || extended,
      'deadline',
      () => `${key} was to be ended at ${known?.deadlineMs}, by ${event.type} it is ${closing.deadlineMs}`,
    );
    this.#closings.set(key, closing);
  }
}

function begun({ sinceMs, deadlineMs, kind }: Drain, tickets: readonly { readonly id: string }[]): PoolDrain {
  return { sinceMs, deadlineMs, served: new Set(kind === 'drain' ? tickets.map(({ id }) => id) : []) };
}
