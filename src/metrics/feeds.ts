/** Which fact of which event each counter and histogram reads: they know of nothing else. The names are the contract's, without `poold_`. */
import type { EventType } from '../events/event.ts';

export interface Feed {
  readonly name: string;
  readonly help: string;
  readonly event: EventType;
  /** Further types that count as the same. */
  readonly also: readonly EventType[];
  /** Only events with this fact count. */
  readonly when: { readonly fact: string; readonly is: string | boolean } | null;
  /** `engine`: one series per replica. `pool`: one per pool, whatever engine it was. `either`: per replica where the event names one. */
  readonly per: 'engine' | 'pool' | 'either';
  /** One more label, and the fact it takes its value from; null stands as `unknown`. */
  readonly label: { readonly name: 'reason' | 'class' | 'how'; readonly fact: string } | null;
  /** What is added or observed: the fact, in these units. Null: one. */
  readonly amount: { readonly fact: string; readonly perUnit: number } | null;
  /** Upper bounds of a histogram; null is a counter. */
  readonly buckets: readonly number[] | null;
}

const feed = (name: string, help: string, event: EventType, rest: Partial<Feed> = {}): Feed => ({
  name,
  help,
  event,
  also: [],
  when: null,
  per: 'engine',
  label: null,
  amount: null,
  buckets: null,
  ...rest,
});

const milliseconds = (fact: string): Feed['amount'] => ({ fact, perUnit: 1_000 });

/** What takes the metrics by the word: `restart` is an automatic start after a failure; first starts, starts by hand and canaries are none. */
export const RESTART = { fact: 'cause', is: 'restart' } as const;

const ENDS: readonly EventType[] = ['lease.expired', 'lease.revoked', 'lease.forced', 'lease.engine_lost', 'lease.lost'];

export const FEEDS: readonly Feed[] = [
  feed('engine_starts_total', 'Starts of an engine, by whatever cause', 'engine.starting'),
  feed('engine_restarts_total', 'Automatic starts after a failure, by the class of that failure', 'engine.starting', {
    when: RESTART,
    label: { name: 'reason', fact: 'reason' },
  }),
  feed('engine_exits_total', 'Ends of a generation, by class', 'engine.exited', { label: { name: 'class', fact: 'class' } }),
  feed('missed_exit_total', 'Ends that no event told of and the periodic check found', 'engine.exited', {
    when: { fact: 'seen', is: 'check' },
  }),
  feed('engine_start_duration_seconds', 'From the spawn until ready', 'engine.ready', {
    amount: milliseconds('startMs'),
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1_800],
  }),
  feed('backoff_delay_seconds', 'Delays before a start, by what they wait for', 'engine.backoff', {
    per: 'pool',
    label: { name: 'reason', fact: 'reason' },
    amount: milliseconds('delayMs'),
    buckets: [0.1, 0.5, 1, 2, 4, 8, 16, 32, 60, 120, 300, 600, 3_600],
  }),
  feed('restart_scheduled_total', 'Starts that were given a time, by what they wait for', 'engine.backoff', {
    label: { name: 'reason', fact: 'reason' },
  }),
  feed('restart_storm_total', 'Restart storms, by the class that made up most of them', 'restart.storm', {
    per: 'pool',
    label: { name: 'class', fact: 'class' },
  }),
  feed('breaker_open_total', 'Openings of a breaker; `replica` is set on those of a single engine', 'breaker.opened', {
    per: 'either',
    label: { name: 'class', fact: 'class' },
  }),
  feed('drain_duration_seconds', 'From the beginning of a drain until nothing of it lives', 'drain.finished', {
    per: 'pool',
    amount: milliseconds('durationMs'),
    buckets: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600],
  }),
  feed('drain_forced_total', 'Engines whose users were cut at the deadline of a drain', 'drain.forced', { per: 'pool' }),
  feed('reload_duration_seconds', 'From the beginning of a reload to its end, whatever that was', 'reload.finished', {
    per: 'pool',
    amount: milliseconds('durationMs'),
    buckets: [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600],
  }),
  feed('reload_success_total', 'Reloads after which the new spec serves', 'reload.finished', {
    per: 'pool',
    when: { fact: 'success', is: true },
  }),
  feed('reload_failure_total', 'Reloads after which the old spec serves, by why', 'reload.finished', {
    per: 'pool',
    when: { fact: 'success', is: false },
    label: { name: 'reason', fact: 'reason' },
  }),
  feed('lease_duration_seconds', 'From the grant of a lease to its end', 'lease.released', {
    per: 'pool',
    also: ENDS,
    amount: milliseconds('heldMs'),
    buckets: [0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600],
  }),
  feed('lease_ended_total', 'Ends of leases, by how', 'lease.released', { per: 'pool', also: ENDS, label: { name: 'how', fact: 'how' } }),
  feed('lease_wait_seconds', 'From the acquire to the grant, of those who had to wait', 'ticket.promoted', {
    per: 'pool',
    amount: milliseconds('waitedMs'),
    buckets: [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300],
  }),
  feed('queue_rejected_total', 'Tickets that ended without a lease, and those the full queue did not take, by why', 'ticket.refused', {
    per: 'pool',
    also: ['ticket.expired'],
    label: { name: 'reason', fact: 'reason' },
  }),
  feed('log_dropped_bytes_total', 'Bytes of log given up, as the disk was full', 'log.dropped', { amount: { fact: 'bytes', perUnit: 1 } }),
];
