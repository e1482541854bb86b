/** Which events have met which engines: pairs of (phase and step, event), for the engine an event is about, or for all of its pool. */
import type { EngineState } from '../../src/engine/engine-state.ts';
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
    const name = event.type === 'command' ? `command:${event.command.do}` : event.type;
    if (!('generation' in event)) {
      for (const engine of allEngines(before)) this.#add(phaseName(engine), name);
      return;
    }
    const engine = generationIn(before, event);
    const other = engine ?? engineIn(before, event.replica);
    if (other !== undefined) this.#add(phaseName(other), engine === undefined ? `late:${name}` : name);
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

  #add(phase: string, event: string): void {
    const phases = this.counts.get(event) ?? new Map<string, number>();
    if (phases.size === 0) this.counts.set(event, phases);
    phases.set(phase, (phases.get(phase) ?? 0) + 1);
  }
}

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}

/** As fine as decisions are: the step of a start, whether KILL was sent, why it waits. */
export function phaseName({ phase, role, closing }: EngineState): string {
  const name = nameOf(phase);
  if (role !== 'serving') return `${role}:${name}`;
  return closing !== null && (name === 'ready' || name === 'unready') ? `closing:${name}` : name;
}

function nameOf(phase: EngineState['phase']): string {
  switch (phase.is) {
    case 'starting':
      return phase.step;
    case 'backoff':
      return `backoff/${phase.why}`;
    case 'stopping':
      return phase.stuckAtMs === null ? 'stopping/term' : 'stopping/kill';
    case 'stuck':
      return `stuck/${phase.why}`;
    default:
      return phase.is;
  }
}
