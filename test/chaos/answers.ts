/** Answers of the daemon as a history keeps them. */
import { ClientError } from '../../src/client/client-error.ts';
import type { Acquired } from '../../src/lease/lease.ts';
import type { Answer } from './history.ts';

export function granted(acquired: Acquired): Answer {
  if (acquired.outcome !== 'granted') return { is: 'refused', code: acquired.outcome };
  const { id, token, engine, slot, ttlMs } = acquired;
  return { is: 'granted', grant: { lease: id, token, engine: engine.id, generation: engine.generation, slot, ttlMs } };
}

/** Without an HTTP status the connection broke: nobody knows what was done. */
export function refusalIn(error: unknown): Answer {
  if (!(error instanceof ClientError)) throw error;
  return error.facts.status === null ? { is: 'none' } : { is: 'refused', code: error.code };
}
