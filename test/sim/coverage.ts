/** Which events have met which engines: pairs of (phase and step, event), for the engine an event is about, or for all of its pool. What an event
 * brought about counts as well where it may come of several: ends of leases and waits, engines that become ready, reloads. */
import type { BackoffWhy, EngineState } from '../../src/engine/engine-state.ts';
import type { Effect } from '../../src/pool/effects.ts';
import type { PoolEvent } from '../../src/pool/pool-events.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { allEngines, engineIn, generationIn } from '../../src/pool/turn.ts';
import type { Step } from './ground.ts';

export class Coverage {
  /** Event → phase → how often. */
  readonly counts = new Map<string, Map<string, number>>();
  events = 0;

  get pairs(): number {
    return [...this.counts.values()].reduce((sum, phases) => sum + phases.size, 0);
  }

  seen(step: Step): void {
    this.events += 1;
    const { event, before } = step;
    const name = nameOf(event);
    const about = 'seat' in event ? event.seat : 'generation' in event ? event : null;
    if (about === null) this.#allOf(before, name);
    else this.#engine(before, about, name);
    for (const effect of step.effects) this.#done(before, effect);
    for (const { was, is } of step.lives)
      if (is?.phase.is === 'ready' && was.phase.is !== 'ready') this.#add(phaseName(is.role === was.role ? was : is), 'ready');
  }

  /** What another run has met. */
  add({ events, counts }: Pick<Coverage, 'events' | 'counts'>): void {
    this.events += events;
    for (const [event, phases] of counts) for (const [phase, times] of phases) this.#add(phase, event, times);
  }

  #allOf(state: PoolState, name: string): void {
    for (const engine of allEngines(state)) this.#add(phaseName(engine), name);
  }

  /** What is about a generation that has gone is late for the one that has its place. */
  #engine(state: PoolState, about: { readonly replica: number; readonly generation: number }, name: string): void {
    const engine = generationIn(state, about);
    const other = engine ?? engineIn(state, about.replica);
    if (other !== undefined) this.#add(phaseName(other), engine === undefined ? `late:${name}` : name);
  }

  /** Ends of leases and waits, and grants, by the engine as it was before. */
  #done(before: PoolState, effect: Effect): void {
    if (effect.do === 'leaseEnded') this.#engine(before, effect.ended.held.seat, `lease.${effect.ended.how}`);
    else if (effect.do === 'ticketEnded') this.#allOf(before, `ticket.${effect.ended.state}`);
    else if (effect.do === 'emit' && (effect.happening.type === 'reload.started' || effect.happening.type === 'reload.rolled_back'))
      this.#allOf(before, effect.happening.type);
  }

  has(phase: string, event: string): boolean {
    return this.times(phase, event) > 0;
  }

  times(phase: string, event: string): number {
    return this.counts.get(event)?.get(phase) ?? 0;
  }

  /** A table: one line per event, with the phases it has met. */
  report(): string {
    const lines = [...this.counts].toSorted(byName).map(([event, phases]) => {
      const met = [...phases].toSorted(byName).map(([phase, count]) => `${phase} ${count}`);
      return `  ${event.padEnd(18)} ${met.join(', ')}`;
    });
    return [`${this.pairs} (state, event) pairs in ${this.events} events`, ...lines].join('\n');
  }

  #add(phase: string, event: string, times = 1): void {
    const phases = this.counts.get(event) ?? new Map<string, number>();
    if (phases.size === 0) this.counts.set(event, phases);
    phases.set(phase, (phases.get(phase) ?? 0) + times);
  }
}

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}

function nameOf(event: PoolEvent): string {
  if (event.type === 'command') return `command:${event.command.do}`;
  // Nobody shows a token whose connection has gone: the daemon gives it back for him.
  return event.type === 'release' && event.token === null ? 'connectionClosed' : event.type;
}

/** As fine as decisions are: the step of a start, whether KILL was sent, why it waits. */
export function phaseName({ phase, role, closing }: EngineState): string {
  const name = stepOf(phase);
  if (role !== 'serving') return `${role}:${name}`;
  return closing !== null && (name === 'ready' || name === 'unready') ? `closing:${name}` : name;
}

const BACKOFF: Readonly<Record<BackoffWhy, string>> = {
  failure: 'backoff/failure',
  blocked: 'backoff/blocked',
  starved: 'backoff/starved',
};

function stepOf(phase: EngineState['phase']): string {
  switch (phase.is) {
    case 'starting':
      return phase.step;
    case 'backoff':
      return BACKOFF[phase.why];
    case 'stopping':
      return phase.stuckAtMs === null ? 'stopping/term' : 'stopping/kill';
    case 'stuck':
      return `stuck/${phase.why}`;
    default:
      return phase.is;
  }
}
