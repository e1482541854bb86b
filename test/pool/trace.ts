import { formatDuration } from '../../src/config/quantity.ts';
import type { Fact, Happening } from '../../src/events/event.ts';

/** The facts of an event that a trace shows, in this order; the others are left out. */
const SHOWN: readonly string[] = ['cause', 'kind', 'outcome', 'class', 'reason', 'level', 'delayMs', 'openForMs', 'newState', 'count'];

/** `engine.backoff chat/0 error 2s` */
export function lineOf(happening: Happening): string {
  const facts = SHOWN.filter(
    (key) => !(happening.type === 'engine.starting' && key === 'reason') && !(happening.type === 'operation.finished' && key === 'reason'),
  )
    .map((key) => shown(key, happening.facts[key]))
    .filter((text) => text !== null);
  const state = happening.type === 'operation.finished' && happening.facts.outcome === null ? [String(happening.facts.state)] : [];
  return [happening.type, ...(happening.engine === undefined ? [] : [happening.engine]), ...facts, ...state].join(' ');
}

function shown(key: string, fact: Fact | undefined): string | null {
  if (fact === undefined || fact === null) return null;
  return key.endsWith('Ms') ? formatDuration(Number(fact)) : String(fact);
}
