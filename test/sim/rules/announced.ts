/** Invariant 41: every change has its one event, in the order of the commits, and nothing is told that did not happen. */
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { EventType } from '../../../src/events/event.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import type { Rule, Step } from '../ground.ts';
import { must } from '../violation.ts';
import { emitted } from './questions.ts';

export class AnnouncedRule implements Rule {
  readonly #announced = new Map<string, string>();
  readonly #finished = new Set<string>();

  changed(step: Step): void {
    this.#poolState(step);
    for (const { was, is } of step.lives) engineChanged(step, was, is);
    this.#operations(step);
    // A start of the daemon opens a new epoch: its followers get a snapshot.
    if (step.event.type === 'rebooted' || step.event.type === 'configured') return;
    if (step.before.breaker === step.after.breaker && step.before.classes === step.after.classes) return;
    for (const name of new Set(['any', ...Object.keys(step.after.classes)])) {
      const told =
        emitted(step, 'breaker.opened').length + emitted(step, 'breaker.half_opened').length + emitted(step, 'breaker.closed').length;
      const changed = stateOf(step.before, name) !== stateOf(step.after, name);
      must(
        !changed || told > 0,
        'events',
        () => `the breaker ${name} of ${step.pool} became ${stateOf(step.after, name)} without an event`,
      );
      must(
        !changed || lastTold(step, name) === stateOf(step.after, name),
        'events',
        () => `the breaker ${name} of ${step.pool} is ${stateOf(step.after, name)}, told was ${lastTold(step, name)}`,
      );
    }
  }

  #poolState(step: Step): void {
    const last = this.#announced.get(step.pool) ?? step.before.announced;
    let state = last;
    for (const { facts } of emitted(step, 'pool.state')) {
      must(
        facts.oldState === state && facts.newState !== state,
        'events',
        () => `${step.pool} says ${facts.oldState} to ${facts.newState} after ${state}`,
      );
      state = String(facts.newState);
    }
    must(state === step.after.announced, 'events', () => `${step.pool} is ${step.after.announced}, the last event said ${state}`);
    this.#announced.set(step.pool, state);
  }

  #operations(step: Step): void {
    for (const effect of step.effects) {
      if (effect.do !== 'operation') continue;
      const { id } = effect.operation;
      must(!this.#finished.has(id), 'events', () => `operation ${id} ends twice`);
      this.#finished.add(id);
    }
    if (step.before.operations === step.after.operations) return;
    const ended = step.before.operations.filter(({ id }) => !step.after.operations.some((other) => other.id === id));
    for (const { id } of ended) must(this.#finished.has(id), 'events', () => `operation ${id} is gone without an end`);
  }
}

const PHASE_EVENTS: Readonly<Partial<Record<EngineState['phase']['is'], EventType>>> = {
  starting: 'engine.starting',
  ready: 'engine.ready',
  unready: 'engine.unready',
  stuck: 'engine.stuck',
  backoff: 'engine.backoff',
  failed: 'engine.failed',
};

function engineChanged(step: Step, was: EngineState, is: EngineState | null): void {
  const id = `${step.pool}/${was.replica}`;
  const count = (type: EventType): number => {
    let times = 0;
    for (const { engine, generation } of emitted(step, type))
      if (engine === id && (generation === was.generation || generation === is?.generation)) times += 1;
    return times;
  };
  const says = (what: string) => () => `${id} went from ${was.phase.is} to ${is?.phase.is ?? 'gone'} by ${step.event.type}: ${what}`;
  const begun = is === null || is.generation === was.generation ? 0 : 1;
  must(count('engine.starting') === begun, 'events', says(`${count('engine.starting')} times engine.starting for ${begun} generations`));
  const told = is === null ? undefined : PHASE_EVENTS[is.phase.is];
  const moved = was.phase.is !== is?.phase.is;
  if (moved && told !== undefined) must(count(told) === 1, 'events', says(`${count(told)} times ${told}`));
  // What never had a process is taken back: stopped, or waiting again.
  const ended = 'run' in was.phase && (is === null || !('run' in is.phase) || begun > 0);
  if (ended) {
    const exits = count('engine.exited');
    must(exits <= 1 && exits + count('engine.stopped') + count('engine.backoff') > 0, 'events', says(`${exits} exits and no other end`));
  }
}

function stateOf(state: PoolState, name: string): string {
  return name === 'any' ? state.breaker.is : (state.classes[name]?.breaker.is ?? 'closed');
}

const TOLD: Readonly<Partial<Record<EventType, string>>> = {
  'breaker.opened': 'open',
  'breaker.half_opened': 'half_open',
  'breaker.closed': 'closed',
};

function lastTold(step: Step, name: string): string | null {
  let last: string | null = null;
  for (const effect of step.effects) {
    if (effect.do !== 'emit' || effect.happening.facts.class !== name) continue;
    // An engine's own breaker is told as `any` with the engine.
    if (name === 'any' && effect.happening.engine !== undefined) continue;
    last = TOLD[effect.happening.type] ?? last;
  }
  return last;
}
