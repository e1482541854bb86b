/** A step in words, for the trace of a schedule that failed. */
import type { Effect } from '../../src/pool/effects.ts';
import type { PoolEvent } from '../../src/pool/pool-events.ts';
import { phaseName } from './coverage.ts';
import type { Step } from './ground.ts';

export function told(step: Step): string[] {
  const { before, after } = step;
  const changes = step.lives.flatMap(({ was, is }) => {
    if (is === null) return [`${after.name}/${was.replica}#${was.generation} ${phaseName(was)} → gone`];
    const from = phaseName(was);
    const to = phaseName(is);
    const breaker = was.breaker.is === is.breaker.is ? '' : `, breaker ${is.breaker.is}`;
    if (from === to && was.generation === is.generation && breaker === '') return [];
    const due = is.phase.is === 'backoff' ? ` until ${is.phase.dueMs.toFixed(1)} (${is.phase.cause})` : '';
    const cause = is.generation > was.generation && is.phase.is === 'starting' ? ` (${is.phase.run.cause})` : '';
    return [`${after.name}/${is.replica}#${is.generation} ${from} → ${to}${cause}${due}${breaker}, row ${is.row}`];
  });
  const breaker = before.breaker.is === after.breaker.is ? [] : [`breaker ${after.breaker.is}`];
  const effects = step.effects.flatMap((effect) => effectName(effect) ?? []);
  return [
    `${step.pool} ${eventName(step.event)}`,
    ...[...changes, ...breaker].map((line) => `    ${line}`),
    ...(effects.length === 0 ? [] : [`    does ${effects.join(' ')}`]),
  ];
}

function eventName(event: PoolEvent): string {
  switch (event.type) {
    case 'command':
      return `command ${JSON.stringify(event.command)}`;
    case 'startFailed':
      return `startFailed ${event.replica}#${event.generation} ${event.class}`;
    case 'exited':
    case 'endedMeanwhile':
      return `${event.type} ${event.replica}#${event.generation} code ${event.exit.code} signal ${event.exit.signal}`;
    case 'probed':
      return `probed ${event.replica}#${event.generation} ${event.result.kind} ${event.result.ok ? 'ok' : 'failed'}`;
    case 'configured':
      return `configured ${event.spec === null ? 'gone from the file' : event.specId}`;
    case 'acquire':
      return `acquire ${event.holder} ${event.leaseId} ${event.ticketId} ${event.bind} priority ${event.priority} ${JSON.stringify(event.patience)}`;
    default:
      if ('to' in event) return `${event.type} ${'id' in event ? event.id : event.ticketId}`;
      return 'generation' in event ? `${event.type} ${event.replica}#${event.generation}` : event.type;
  }
}

function effectName(effect: Effect): string | null {
  if (effect.do === 'emit') return effect.happening.type === 'pool.state' ? `[${effect.happening.facts.newState}]` : null;
  if (effect.do === 'answer')
    return `answer(${effect.answer.is}${'held' in effect.answer ? ` ${effect.answer.held.lease.id}` : ''}${effect.answer.is === 'refused' ? ` ${effect.answer.refused.code}` : ''})`;
  if (effect.do === 'leaseEnded') return `ended(${effect.ended.held.lease.id} ${effect.ended.how})`;
  if (effect.do === 'ticketEnded')
    return `ticket(${effect.ended.ticket.id} ${effect.ended.state}${effect.ended.lease === null ? '' : ` ${effect.ended.lease.lease.id}`})`;
  if (effect.do === 'record' || effect.do === 'operation' || effect.do === 'onExit') return null;
  return 'ref' in effect ? `${effect.do}(${effect.ref.replica}#${effect.ref.generation})` : effect.do;
}
