/** What poold shows of itself: status, events, metrics, its own description. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import type { DataTable } from '@cucumber/cucumber';
import { After, Then, When } from '@cucumber/cucumber';
import type { Event } from '../../src/events/event.ts';
import { ask } from '../support/asking.ts';
import type { Sample } from '../support/metrics-page.ts';
import { samplesIn } from '../support/metrics-page.ts';
import type { Message } from '../support/told.ts';
import { messagesIn } from '../support/told.ts';
import type { PooldWorld } from '../support/world.ts';
import { at } from './operator.ts';

/** Columns: path of a key, and what kind of value it has (`text`, `number`, `boolean`, `list`, `map`, `time`, `none`, or several of them). */
Then('the status of {string} has the keys:', async function (this: PooldWorld, pool: string, keys: DataTable) {
  const status = JSON.parse(await this.get(`/v1/pools/${pool}/status`)) as unknown;
  deepEqual(status, JSON.parse(await this.get(`/v1/pools/${pool}`)), 'both routes answer alike');
  for (const [path = '', kinds = ''] of keys.raw()) {
    const value = at(status, path);
    ok(value !== undefined, `there is no ${path}`);
    ok(
      kinds.split(' or ').some((kind) => isOf(kind, value)),
      `${path} is ${JSON.stringify(value)}, which is no ${kinds}`,
    );
  }
});

When('I note the newest cursor', async function (this: PooldWorld) {
  const [newest] = messagesIn(await this.get('/v1/events?follow=false')).slice(-1);
  ok(newest !== undefined, 'there are no events');
  this.noted.set('cursor', newest.id);
});

When('I follow the events of {string} from there', function (this: PooldWorld, pool: string) {
  const leave = new AbortController();
  const heard: Event[] = [];
  this.noted.set('heard', heard).set('leave', leave);
  const stream = this.client.events({ follow: true, pool, since: String(this.noted.get('cursor')) }, leave.signal);
  const reading = async (): Promise<void> => {
    for await (const message of stream) if (message.is === 'event') heard.push(message.event);
  };
  // The daemon of a scenario may be killed under it; what was not told by then shows.
  this.noted.set(
    'reading',
    reading().catch(() => {}),
  );
});

After(async function (this: PooldWorld) {
  (this.noted.get('leave') as AbortController | undefined)?.abort();
  await this.noted.get('reading');
});

/** Rows of a type, the engine or nothing, and a fact with its value; others may stand between them. */
Then('I am told in this order:', async function (this: PooldWorld, wanted: DataTable) {
  const heard = this.noted.get('heard') as Event[];
  await this.until('all of it is told', () => {
    let from = 0;
    for (const [type = '', engine = '', fact = '', value = ''] of wanted.raw()) {
      const found = heard.findIndex(
        (event, index) => index >= from && event.type === type && (event.engine ?? '') === engine && says(event, fact, value),
      );
      if (found < 0) throw new Error(`there is no ${type} ${engine} ${fact} behind number ${from} of ${JSON.stringify(heard)}`);
      from = found + 1;
    }
    return true;
  });
});

When('I ask for what happened since the noted cursor', async function (this: PooldWorld) {
  const headers = { 'last-event-id': String(this.noted.get('cursor')) };
  this.noted.set(
    'messages',
    messagesIn((await ask({ socketPath: this.socket }, { method: 'GET', path: '/v1/events?follow=false', headers })).text),
  );
});

Then('it begins right behind the cursor and has no gaps', function (this: PooldWorld) {
  const [epoch, last] = String(this.noted.get('cursor')).split(':').map(Number);
  const messages = this.noted.get('messages') as Message[];
  ok(messages.length > 0, 'nothing was told');
  deepEqual(
    messages.map(({ id }) => id),
    messages.map((_, index) => `${epoch}:${(last ?? 0) + 1 + index}`),
  );
  for (const { id, type, data } of messages) {
    equal(data.cursor, id);
    equal(data.type, type);
    ok(isOf('time', data.at), `${id} is of ${data.at}`);
  }
});

Then('it begins with a reset to a later epoch that shows {string} as {word}', function (this: PooldWorld, pool: string, state: string) {
  const [reset, ...rest] = this.noted.get('messages') as Message[];
  equal(reset?.type, 'reset');
  const epochs = [this.noted.get('cursor'), reset?.data.cursor].map((cursor) => Number(String(cursor).split(':')[0]));
  ok((epochs[1] ?? 0) > (epochs[0] ?? 0), `the epochs are ${epochs}`);
  const pools = reset?.data.pools as { pool: string; state: string }[];
  equal(pools.find((one) => one.pool === pool)?.state, state);
  deepEqual(rest, []);
});

/** Columns: metric without `poold_`, its labels, and what its samples add up to at least. */
Then('the metrics page has:', async function (this: PooldWorld, wanted: DataTable) {
  const { headers, text } = await ask({ socketPath: this.socket }, { method: 'GET', path: '/metrics' });
  match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
  const samples = samplesIn(text);
  for (const { metric = '', labels = '', 'at least': least = '' } of wanted.hashes()) {
    const name = metric.startsWith('process_') ? metric : `poold_${metric}`;
    const found = samples.filter((sample) => sample.metric === name);
    ok(found.length > 0, `there is no sample of ${name}`);
    for (const sample of found)
      ok(
        namesOf(sample).some((names) => labels.split(', ').includes(names)),
        `${name} has the labels {${namesOf(sample)[0]}}`,
      );
    const sum = found.filter(({ part }) => part === null || part === 'count').reduce((total, { value }) => total + value, 0);
    ok(sum >= Number(least), `the samples of ${name} add up to ${sum}`);
  }
});

/** Columns: method and path. */
Then('it describes these routes, and no others:', function (this: PooldWorld, wanted: DataTable) {
  const { paths } = JSON.parse((this.noted.get('answer') as { text: string }).text) as { paths: Record<string, Record<string, unknown>> };
  const found = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  const rows = wanted.raw().map(([method, path]) => `${method} ${path}`);
  deepEqual(found.toSorted(), rows.toSorted());
});

function says(event: Event, fact: string, value: string): boolean {
  return fact === '' || String((event as unknown as Record<string, unknown>)[fact]) === value;
}

/** The labels of a sample as one text, also without `le`, which histograms add. */
function namesOf({ labels }: Sample): string[] {
  const own = Object.keys(labels).filter((name) => name !== 'le');
  return [own.toSorted().join(' ') || 'none'];
}

function isOf(kind: string, value: unknown): boolean {
  switch (kind) {
    case 'none':
      return value === null;
    case 'text':
      return typeof value === 'string' && value !== '';
    case 'list':
      return Array.isArray(value);
    case 'map':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'time':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
    default:
      return typeof value === kind;
  }
}
