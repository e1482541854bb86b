/**
 * Ids of leases: UUIDs (version 8) that begin with the start of the daemon that gave them. So of an id that nobody knows any more it can be said
 * whether its lease has ended: all that are held outlive a daemon.
 */
import { randomUUID } from 'node:crypto';

const EPOCH_CHARS = 8;

export function newLeaseId(epoch: number): string {
  const random = randomUUID();
  return `l-${epoch.toString(16).padStart(EPOCH_CHARS, '0')}${random.slice(EPOCH_CHARS, 14)}8${random.slice(15)}`;
}

/** Whether it is one that an earlier daemon than this one gave. */
export function isOfEarlier(id: string, epoch: number): boolean {
  const [, given] = /^l-([0-9a-f]{8})-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/.exec(id) ?? [];
  return given !== undefined && Number.parseInt(given, 16) < epoch;
}
