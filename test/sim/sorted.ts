/** The effects of a step by what they do. */
import type { EngineRef } from '../../src/engine/identity.ts';
import type { Happening } from '../../src/events/event.ts';
import type { LeaseAnswer } from '../../src/lease/lease-events.ts';
import type { Effect } from '../../src/pool/effects.ts';
import type { HistoryEntry } from '../../src/pool/host.ts';
import type { LeaseHappening, Sorted } from './ground.ts';

const NOTHING: Sorted = { told: [], spawns: [], ends: [], answers: [], leasing: [] };

export function sorted(effects: readonly Effect[]): Sorted {
  if (effects.length === 0) return NOTHING;
  const told: Happening[] = [];
  const spawns: EngineRef[] = [];
  const ends: HistoryEntry[] = [];
  const answers: LeaseAnswer[] = [];
  const leasing: LeaseHappening[] = [];
  for (const effect of effects) {
    if (effect.do === 'emit') {
      const { happening } = effect;
      told.push(happening);
      if (happening.type === 'ticket.queued') leasing.push({ is: 'queued' });
      else if (happening.type === 'lease.granted') leasing.push(granted(happening));
    } else if (effect.do === 'spawn') spawns.push(effect.ref);
    else if (effect.do === 'record') ends.push(effect.entry);
    else if (effect.do === 'answer') answers.push(effect.answer);
    else if (effect.do === 'leaseEnded') leasing.push({ is: 'ended', ended: effect.ended });
    else if (effect.do === 'ticketEnded') leasing.push({ is: 'out', ended: effect.ended });
  }
  return { told, spawns, ends, answers, leasing };
}

function granted({ facts, engine = '', generation = 0 }: Happening): LeaseHappening {
  const replica = Number(engine.slice(engine.lastIndexOf('/') + 1));
  return { is: 'granted', id: String(facts.lease), seat: { replica, generation, slot: Number(facts.slot) } };
}
