/** Counters and histograms by the table of feeds. */
import type { Registry } from 'prom-client';
import { Counter, Histogram } from 'prom-client';
import type { Event } from '../events/event.ts';
import type { Feed } from './feeds.ts';
import { FEEDS } from './feeds.ts';

/** Which engine a series is about; `replica: null` is the whole pool. */
export interface Subject {
  readonly pool: string;
  readonly replica: string | null;
}

/** Whose series may stay. */
export type Known = (subject: Subject) => boolean;

/** A metric whose series go when what they are about goes. */
export interface Series {
  /** Adds to a counter, observes in a histogram. */
  add(subject: Subject, more: Readonly<Record<string, string>>, amount: number): void;
  forget(known: Known): void;
}

export interface SeriesOptions {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets: readonly number[] | null;
  readonly registry: Registry;
}

export function createSeries({ name, help, labels, buckets, registry }: SeriesOptions): Series {
  const shape = { name: `poold_${name}`, help, labelNames: [...labels], registers: [registry] };
  const metric = buckets === null ? new Counter(shape) : new Histogram({ ...shape, buckets: [...buckets] });
  /** prom-client takes a series away by its labels and does not say which there are. */
  const used = new Map<string, { readonly subject: Subject; readonly labels: Record<string, string> }>();
  return {
    add(subject, more, amount) {
      const own: Record<string, string> = {
        pool: subject.pool,
        ...(subject.replica === null ? {} : { replica: subject.replica }),
        ...more,
      };
      const key = JSON.stringify(own);
      if (!used.has(key)) used.set(key, { subject, labels: own });
      if (metric instanceof Counter) metric.inc(own, amount);
      else metric.observe(own, amount);
    },
    forget(known) {
      for (const [key, { subject, labels: own }] of used) {
        if (known(subject)) continue;
        metric.remove(own);
        used.delete(key);
      }
    },
  };
}

export interface Fed {
  heard(event: Event): void;
  /** Counters without further labels stand at 0 from the start: a rate needs a first value. */
  seen(subject: Subject): void;
  forget(known: Known): void;
}

export function createFed(registry: Registry): Fed {
  const all = FEEDS.map((feed) => ({ feed, series: createSeries({ ...feed, labels: labelsOf(feed), registry }) }));
  const byType = Map.groupBy(
    all.flatMap((one) => [one.feed.event, ...one.feed.also].map((type) => ({ type, ...one }))),
    ({ type }) => type,
  );
  return {
    heard(event) {
      if (event.pool === null || event.facts.external === true) return;
      const replica = event.engine === undefined ? null : replicaOf(event.engine);
      for (const { feed, series } of byType.get(event.type) ?? []) {
        if (!reads(feed, event)) continue;
        const amount = amountOf(feed, event);
        // Not a number or below 0: a fact that is missing must not break the count of those that are there.
        if (amount >= 0) series.add({ pool: event.pool, replica: feed.per === 'pool' ? null : replica }, labelOf(feed, event), amount);
      }
    },
    seen(subject) {
      for (const { feed, series } of all) {
        const fits = (feed.per === 'engine') === (subject.replica !== null) && feed.label === null && feed.buckets === null;
        if (fits) series.add(subject, {}, 0);
      }
    },
    forget(known) {
      for (const { series } of all) series.forget(known);
    },
  };
}

export function replicaOf(engine: string): string {
  return engine.slice(engine.lastIndexOf('/') + 1);
}

function reads({ when, per }: Feed, happened: Event): boolean {
  if (per === 'engine' && happened.engine === undefined) return false;
  return when === null || happened.facts[when.fact] === when.is;
}

function amountOf({ amount }: Feed, { facts }: Event): number {
  return amount === null ? 1 : Number(facts[amount.fact]) / amount.perUnit;
}

function labelOf({ label }: Feed, { facts }: Event): Readonly<Record<string, string>> {
  return label === null ? {} : { [label.name]: String(facts[label.fact] ?? 'unknown') };
}

function labelsOf({ per, label }: Feed): readonly string[] {
  return ['pool', ...(per === 'pool' ? [] : ['replica']), ...(label === null ? [] : [label.name])];
}
