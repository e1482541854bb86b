/** Everything that reads what somebody else wrote, with texts for it. Each throws its declared error or nothing, and comes to an end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arbitrary } from 'fast-check';
import fc from 'fast-check';
import { idempotencyKeyOf, leaseTokenOf } from '../../src/api/lease-requests.ts';
import type { ApiContext } from '../../src/api/ports.ts';
import type { RawCall } from '../../src/api/route.ts';
import { STREAM_ROUTES } from '../../src/api/routes-streams.ts';
import { sinceMs } from '../../src/api/since.ts';
import { parseStrictJson } from '../../src/api/strict-json.ts';
import { systemClock } from '../../src/clock.ts';
import { readConfig } from '../../src/config/load.ts';
import { formatDuration, MAX_DURATION_MS, MAX_SIZE_BYTES, parseDuration, parseSize } from '../../src/config/quantity.ts';
import { parseHandoff } from '../../src/engine/external/handoff-text.ts';
import { sumsOf } from '../../src/engine/probes/metrics-text.ts';
import { readRun } from '../../src/engine/records.ts';
import type { Code } from '../../src/errors.ts';
import { PooldError } from '../../src/errors.ts';
import { createBus } from '../../src/events/bus.ts';
import { mutated } from './mutations.ts';

export interface Parser {
  readonly name: string;
  readonly texts: Arbitrary<string>;
  /** Reads it, and throws when what comes of it must not be. */
  readonly read: (text: string) => void | Promise<void>;
}

const CONFIG = `defaults: &d { restart: always, stop: { timeout: 5s } }
listen: { tcp: { host: 127.0.0.1, port: 9200, tokensFile: t, hosts: [a.internal] } }
pools:
  chat:
    kind: llama-server
    engine: { command: [x, "\${port}", "\${vars.m}"], vars: { m: a }, env: { A: b }, devices: ["0"], limits: { memory: 8GiB } }
    probes: { startup: { httpGet: { path: /health }, period: 500ms }, liveness: { exec: { command: [y] } } }
    backoff: { delay: 1s, factor: 2, classes: { gpu: 2 } }
    crashPatterns: [ { pattern: "CUDA (error|fault)+", class: gpu } ]
  other: { <<: *d, engine: { command: [z] }, replicas: 3, port: [1, 9] }
`;
const RECORD = `${JSON.stringify({ bootId: 'b', instance: 'i', cgroup: null, executable: '/x', user: null, port: 1, device: null, side: 'a' })}\n${'12 34 56'.padEnd(40)}\n${'137 1234.56'.padEnd(24)}\n`;
const HANDOFF = JSON.stringify({ pool: 'chat', url: 'http://127.0.0.1:8080/base', pid: 12, version: 'v1', devices: ['0', '1'] });
const METRICS = '# HELP x y\nx 1\nx{a="b",c="d \\" }"} 2.5e3 1700000000\nx{} NaN\ny_total 7 # {trace="1"} 3\n';
const DATES = ['2026-11-03T08:00:00Z', '2026-11-03', '2026-11-03 08:00', '2026-11-03T08:00:00.123456789+01:00', '8h', '1.5s', '500ms'];

const bus = createBus({ epoch: 3, clock: systemClock, size: 4 });
for (let event = 0; event < 9; event += 1) bus.publish({ type: 'pool.state', pool: 'chat', facts: {} });
const CURSORS = ['3:9', '3:5', '3:0', '2:9', '3:999999999999999', '03:9'];

const directory = mkdtempSync(join(tmpdir(), 'poold-parsers-'));

export function tidyUp(): void {
  rmSync(directory, { recursive: true, force: true });
}

const numbers = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(...'0123456789.-+e '), maxLength: 30 }),
    fc.constantFrom('ms', 's', 'm', 'h', 'B', 'KiB', 'GiB', ''),
  )
  .map((parts) => parts.join(''));
const shortTexts = (texts: readonly string[]): Arbitrary<string> => fc.oneof(mutated(texts), fc.string({ unit: 'binary', maxLength: 200 }));

export const PARSERS: readonly Parser[] = [
  {
    name: 'configuration',
    texts: mutated([CONFIG]),
    read: (text) => {
      const { spec, problems } = readConfig(text, { file: 'f', directory: '/etc/poold' });
      holds(problems.every(({ message, line, column }) => message.startsWith('cannot ') && line > 0 && column > 0));
      holds((spec === null) === problems.some(({ severity }) => severity === 'error'));
    },
  },
  {
    name: 'durations and sizes',
    texts: fc.oneof(numbers, shortTexts(DATES)),
    read: (text) => {
      const durationMs = parseDuration(text);
      holds(durationMs === null || (Number.isInteger(durationMs) && durationMs >= 0 && durationMs <= MAX_DURATION_MS));
      holds(durationMs === null || parseDuration(formatDuration(durationMs)) === durationMs);
      const bytes = parseSize(text);
      holds(bytes === null || (Number.isInteger(bytes) && bytes >= 0 && bytes <= MAX_SIZE_BYTES));
      const since = sinceMs(text, 1_700_000_000_000);
      holds(since === null || Number.isFinite(since));
    },
  },
  {
    name: 'handoff files',
    texts: mutated([HANDOFF]),
    read: (text) => {
      try {
        const { host, port } = parseHandoff(text);
        holds(/^(127\.|::1$|localhost$)/.test(host) && port > 0 && port < 65_536);
      } catch (error) {
        // Half a sentence for the log is what it promises; a TypeError would be one of ours.
        holds(error instanceof Error && error.constructor === Error && error.message.startsWith('it'));
      }
    },
  },
  {
    name: 'run records',
    texts: mutated([RECORD]),
    read: (text) => {
      writeFileSync(join(directory, 'chat-0.1.run'), text);
      const record = readRun(directory, 'chat-0.1.run');
      holds(record === null || typeof record.header.instance === 'string');
      for (const value of [record?.main?.pid, record?.main?.startTicks, record?.exit?.code, record?.exit?.endTicks])
        holds(value === undefined || (Number.isSafeInteger(value) && value >= 0));
    },
  },
  {
    name: 'event cursors',
    texts: shortTexts(CURSORS),
    read: (text) => {
      const { reset, events, cursor } = bus.since(text);
      holds(cursor === '3:9' && events.length <= 4 && (!reset || events.length === 0));
    },
  },
  { name: 'Last-Event-ID', texts: shortTexts([...CURSORS, ...DATES]), read: (text) => declared(['invalid_request'], () => followed(text)) },
  {
    name: 'metrics',
    texts: mutated([METRICS]),
    read: (text) => {
      for (const [name, sum] of sumsOf(text, ['x', 'y_total'])) holds(['x', 'y_total'].includes(name) && !Number.isNaN(sum));
    },
  },
  {
    name: 'idempotency keys and lease tokens',
    texts: shortTexts(['key-1', 'a b', '3.00000000000000000001']),
    read: (text) =>
      declared(['invalid_request'], () => {
        const call = { header: () => text };
        holds(idempotencyKeyOf(call) === text && /^[\x20-\x7e]{1,128}$/.test(text));
        holds(leaseTokenOf(call) === text && !text.includes(' '));
      }),
  },
  {
    name: 'bodies of requests',
    texts: mutated([HANDOFF, '{"a":{"b":[1,2,{"c":"\\u005f_"}]},"d":null}']),
    read: (text) =>
      declared(['invalid_request'], () => {
        const value = parseStrictJson(text);
        // What it lets through is what JSON.parse says.
        holds(JSON.stringify(value) === JSON.stringify(JSON.parse(text)));
      }),
  },
];

/** As far as what is kept goes. */
async function followed(text: string): Promise<void> {
  const route = STREAM_ROUTES.find(({ id }) => id === 'followEvents');
  const context = { host: { pools: () => [] }, clock: systemClock, events: bus } as unknown as ApiContext;
  const call = { params: {}, query: { follow: 'false' }, header: () => text, signal: new AbortController().signal } as unknown as RawCall;
  const reply = await route?.run(context, call);
  if (reply === undefined || !('pieces' in reply)) throw new Error('it is no stream');
  for await (const piece of reply.pieces) holds(/^(id: \d+:\d+\n)?event: /.test(piece));
}

async function declared(codes: readonly Code[], act: () => void | Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof PooldError && codes.includes(error.code))) throw error;
  }
}

function holds(fact: boolean): void {
  if (!fact) throw new Error('what came of it must not be');
}
