/** Reads the text format of Prometheus as strictly as it is written down, and fails at the first thing that is not so. */
import { equal, ok } from 'node:assert/strict';

export interface Sample {
  /** Of the metric that was declared: a histogram's `_bucket` belongs to it. */
  readonly metric: string;
  readonly part: 'bucket' | 'sum' | 'count' | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SAMPLE =
  /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\n"])*"(?:,(?=.)|(?=\})))*)\})? ([-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Inf)|NaN)$/;

export function samplesIn(page: string): Sample[] {
  ok(page.endsWith('\n'), 'the last line has an end');
  const types = new Map<string, string>();
  const helped = new Set<string>();
  const seen = new Set<string>();
  const samples: Sample[] = [];
  for (const line of page.split('\n')) {
    const [, what, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (what === 'HELP') {
      ok(!helped.has(name), `${name} is explained twice`);
      helped.add(name);
    } else if (what === 'TYPE') {
      ok(helped.has(name) && !types.has(name), `${name} is declared once, and explained before`);
      ok(['counter', 'gauge', 'histogram'].includes(rest), `${name} is a ${rest}`);
      types.set(name, rest);
    } else if (line !== '') {
      ok(!seen.has(line.slice(0, line.lastIndexOf(' '))), `twice: ${line}`);
      seen.add(line.slice(0, line.lastIndexOf(' ')));
      samples.push(sampleOf(line, types));
    }
  }
  for (const [name, type] of types) if (type === 'histogram') histogramHolds(samples.filter(({ metric }) => metric === name));
  return samples;
}

function sampleOf(line: string, types: ReadonlyMap<string, string>): Sample {
  const [, name = '', labels = '', text = ''] = SAMPLE.exec(line) ?? [];
  ok(name !== '', `this is no sample: ${line}`);
  const [, base = '', part = ''] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? [];
  const inHistogram = types.get(base) === 'histogram';
  const metric = inHistogram ? base : name;
  const type = types.get(metric);
  ok(type !== undefined, `nobody declared ${name}`);
  const value = Number(text.replace('Inf', 'Infinity'));
  ok(type !== 'counter' || value >= 0, `a counter below 0: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', worth = '']) => [label, worth] as const);
  equal(new Set(pairs.map(([label]) => label)).size, pairs.length, `a label twice: ${line}`);
  return { metric, part: inHistogram ? (part as 'bucket' | 'sum' | 'count') : null, labels: Object.fromEntries(pairs), value };
}

/** Buckets only rise, and the last one holds all. */
function histogramHolds(samples: readonly Sample[]): void {
  const keyOf = ({ labels: { le: _, ...own } }: Sample): string => JSON.stringify(own);
  for (const [key, series] of Map.groupBy(samples, keyOf)) {
    const buckets = series.filter(({ part }) => part === 'bucket');
    const count = series.find(({ part }) => part === 'count')?.value;
    ok(
      buckets.every(({ value }, index) => index === 0 || value >= (buckets[index - 1]?.value ?? 0)),
      `the buckets of ${key} fall`,
    );
    equal(buckets.at(-1)?.labels.le, '+Inf');
    equal(buckets.at(-1)?.value, count, `the last bucket of ${key} is not the count`);
    ok(
      series.some(({ part }) => part === 'sum'),
      `${key} has no sum`,
    );
  }
}
