/** Sends what was generated to a daemon, looks at every answer, and says what came of it. Fails with the first answer that must not be. */
import { ok } from 'node:assert/strict';
import fc from 'fast-check';
import { systemClock } from '../../src/clock.ts';
import type { Rig } from '../machine/rig.ts';
import { until } from '../machine/rig.ts';
import type { HostileRig } from './hostile-rig.ts';
import { faultLines, openDescriptors, residentBytes } from './hostile-rig.ts';
import { faultOf, routeOf } from './judge.ts';
import { Known } from './known.ts';
import { loopLag } from './loop-lag.ts';
import type { RawBytes } from './raw-bytes.ts';
import { CANARY, rawBytes } from './raw-bytes.ts';
import type { ApiDocument, Door, HostileRequest } from './requests.ts';
import { BUSY, hostileRequests, QUIET } from './requests.ts';
import { firstAnswer, shout, Wire } from './wire.ts';

export interface StormOptions {
  readonly hostile: HostileRig;
  readonly requests: number;
  readonly seed: number;
  readonly daemonPid: number;
  readonly said?: (line: string) => void;
}

export interface StormFigures {
  readonly seconds: number;
  /** By status, `left` for those we hung up on, `closed` for those the daemon did. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly warmBytes: number;
  readonly endBytes: number;
  readonly mostBytes: number;
  /** Of the event loop, in the words of its histogram. */
  readonly lag: string;
  readonly longestLagMs: number;
}

const CHUNK = 1_000;
/** By then what the daemon keeps for a while (events, ended leases and tickets, operations) is about full, and it grows no more. */
const WARM_CHUNKS = 15;
const CLIENTS = 16;
/** One in so many is bytes on a fresh socket. */
const RAW_EACH = 10;
/** Whoever asked to wait is left after this. */
const LEAVE_MS = 100;
const FAULTS_SHOWN = 5;
const PATIENCE_MS = 15_000;

export async function storm({ hostile, requests, seed, daemonPid, said = () => {} }: StormOptions): Promise<StormFigures> {
  const { rig } = hostile;
  const document = (await ask(hostile, '/openapi.json')) as ApiDocument;
  const arbitrary = hostileRequests(document);
  await Promise.all([QUIET, BUSY, CANARY].map((pool) => rig.poolReaches(pool, 'running')));
  const engines = await livingEngines(rig);
  const descriptors = openDescriptors(daemonPid);
  const known = new Known();
  const outcomes: Record<string, number> = {};
  const startedMs = systemClock.nowMs();
  const faults: string[] = [];
  const resident: number[] = [];
  const clients = Array.from({ length: CLIENTS }, (): Wires => new Map());
  for (let sent = 0; sent < requests; sent += CHUNK) {
    const work = generated({ hostile, known, arbitrary, count: Math.min(CHUNK, requests - sent), seed: seed + sent / CHUNK });
    let next = 0;
    const client = async (wires: Wires): Promise<void> => {
      for (let index = next++; index < work.length; index = next++) {
        const outcome = await (work[index] as Work)(wires).catch((error: Error) => {
          faults.push(`seed ${seed}, request ${sent + index}: ${error.message}`);
          return 'fault';
        });
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
    };
    await Promise.all(clients.map(client));
    ok(faults.length === 0, `${faults.length} faults, such as\n${faults.slice(0, FAULTS_SHOWN).join('\n')}`);
    known.cursor((await cursorNow(hostile)) ?? '');
    resident.push(residentBytes(daemonPid));
    if ((sent / CHUNK) % 5 === 4) said(`${sent + CHUNK} requests, resident ${mebibytes(resident.at(-1) ?? 0)} MiB`);
  }
  for (const client of clients) for (const wire of client.values()) wire.close();
  const seconds = (systemClock.nowMs() - startedMs) / 1_000;
  await asItWas(hostile, { engines, descriptors, daemonPid });
  const warm = resident[Math.min(WARM_CHUNKS, Math.floor(resident.length * 0.75))] ?? 0;
  const { text, longestMs } = loopLag(await askText(hostile, '/metrics'));
  return {
    seconds,
    outcomes,
    warmBytes: warm,
    endBytes: resident.at(-1) ?? 0,
    mostBytes: Math.max(...resident),
    lag: text,
    longestLagMs: longestMs,
  };
}

/** What all bytes that are no request of their own are about. */
const STARTS = routeOf('startPool', 'POST');
/** A request for it, whatever the pool is called. */
const START = /\/v1\/pools\/[^/\s]*\/start/;

type Wires = Map<Door, Wire>;
/** Sends one of them; in a word what came of it. */
type Work = (wires: Wires) => Promise<string>;

interface Generated extends Pick<Sending, 'hostile' | 'known'> {
  readonly arbitrary: fc.Arbitrary<HostileRequest>;
  readonly count: number;
  readonly seed: number;
}

function generated({ hostile, known, arbitrary, count, seed }: Generated): readonly Work[] {
  const rawCount = Math.floor(count / RAW_EACH);
  const work = fc.sample(arbitrary, { numRuns: count - rawCount, seed }).map(
    (request): Work =>
      (wires) =>
        send({ hostile, request, known }, wires),
  );
  for (const [index, bytes] of fc.sample(rawBytes, { numRuns: rawCount, seed }).entries())
    work.splice(index * RAW_EACH, 0, () => sendRaw(hostile, bytes));
  return work;
}

interface Sending {
  readonly hostile: HostileRig;
  readonly request: HostileRequest;
  readonly known: Known;
}

async function send({ hostile, request, known }: Sending, wires: Wires): Promise<string> {
  const { door, method } = request;
  const wire = wires.get(door) ?? new Wire(hostile.place(door));
  wires.set(door, wire);
  const route = routeOf(request.route, method);
  const waits = /[?&]wait=|waitMs/.test(request.target + (request.body ?? ''));
  const bytes = bytesOf(request, { authorization: hostile.authorization(door), known });
  const outcome = await wire.exchange({
    bytes,
    method,
    patienceMs: waits ? LEAVE_MS : PATIENCE_MS,
    headOnly: (head) => route?.streams === true && goesOn(head),
  });
  const told = JSON.stringify(bytes.toString('latin1').slice(0, 2_000));
  if (outcome.is === 'left') {
    ok(waits, `no answer within ${PATIENCE_MS} ms to ${told}`);
    return 'left';
  }
  if (outcome.is === 'closed') throw new Error(`closed without an answer (${JSON.stringify(outcome.bytes.toString())}): ${told}`);
  const fault = faultOf(outcome.answer, { route, method });
  ok(fault === null, `over ${door}: ${fault}\n${told}`);
  if (outcome.answer.status < 300) known.learn(outcome.answer.body.toString());
  return String(outcome.answer.status);
}

/** Streams are left when their head is there. */
function goesOn(headers: ReadonlyMap<string, string>): boolean {
  return /event-stream|ndjson|text\/plain/.test(headers.get('content-type') ?? '');
}

function bytesOf(
  request: HostileRequest,
  { authorization, known }: { readonly authorization: string | null; readonly known: Known },
): Buffer {
  const { method, target, headers, chunked } = request;
  const body = request.body === null ? null : Buffer.from(known.filled(request.body), 'latin1');
  const lines = headers.map(([name, value]) => `${name}: ${known.filled(value)}`);
  if (!headers.some(([name]) => name === 'host')) lines.push('host: localhost');
  if (authorization !== null) lines.push(`authorization: ${authorization}`);
  if (body !== null) lines.push(chunked ? 'transfer-encoding: chunked' : `content-length: ${body.length}`);
  const head = Buffer.from(`${method} ${known.filled(target)} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  if (body === null) return head;
  if (!chunked) return Buffer.concat([head, body]);
  const piece = body.length === 0 ? [] : [Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')];
  return Buffer.concat([head, ...piece, Buffer.from('0\r\n\r\n')]);
}

async function sendRaw(hostile: HostileRig, { name, bytes, answers }: RawBytes): Promise<string> {
  const heard = await shout(hostile.place('api'), Buffer.from(bytes, 'latin1'), PATIENCE_MS);
  const told = `${name}: ${JSON.stringify(bytes.slice(0, 500))}`;
  if (heard === null) throw new Error(`the connection stays open after ${told}`);
  let good = 0;
  for (let rest = heard; rest.length > 0; ) {
    const found = firstAnswer(rest, { method: 'GET', headOnly: () => false });
    if (found === null) break;
    const { status } = found.answer;
    // What was taken for a request may be one to the busy pool, or to one whose name has become another.
    const fault = status < 300 ? null : faultOf(found.answer, { route: START.test(bytes) ? STARTS : null, method: 'GET' });
    ok(fault === null, `${fault} to ${told}`);
    if (status === 200) good += 1;
    ({ rest } = found);
  }
  ok(answers === null || good === answers, `${good} good answers to ${told}`);
  return 'raw';
}

interface Before {
  readonly engines: readonly unknown[];
  readonly descriptors: number;
  readonly daemonPid: number;
}

/** What nobody had leave to touch is as it was, what was knocked about can be used again, and nothing is left open. */
async function asItWas({ rig }: HostileRig, { engines, descriptors, daemonPid }: Before): Promise<void> {
  ok((await rig.client.health()).status === 'ok');
  const now = await livingEngines(rig);
  ok(JSON.stringify(now) === JSON.stringify(engines), `engines nobody may touch: ${JSON.stringify(engines)}, now ${JSON.stringify(now)}`);
  const smuggled = await rig.client.operations(CANARY);
  ok(smuggled.length === 0, `a request was smuggled in: ${JSON.stringify(smuggled)}`);
  const faults = faultLines(rig);
  ok(faults.length === 0, `the daemon's log: ${faults.slice(0, 3).join('\n')}`);
  for (const words of [
    ['scale', BUSY, '2'],
    ['resume', BUSY],
    ['reset', BUSY],
    ['start', BUSY],
  ]) {
    const { code, stderr } = rig.poolctl(...words);
    ok(code === 0, `poolctl ${words.join(' ')} ended with ${code}: ${stderr}`);
  }
  await rig.poolReaches(BUSY, 'running');
  await until('no lease is left', async () => (await rig.pool(QUIET)).activeLeases === 0);
  // A log and a database of the busy pool may be open that were not before.
  await until('the descriptors are closed', () => openDescriptors(daemonPid) <= descriptors + 10);
}

/** Whether they take leases is another matter: a holder may say that an engine fails it. */
async function livingEngines(rig: Rig): Promise<readonly unknown[]> {
  const pools = await Promise.all([rig.pool(QUIET), rig.pool(CANARY)]);
  return pools.flatMap(({ engines }) => engines.map(({ id, pid, generation, live }) => ({ id, pid, generation, live })));
}

async function cursorNow(hostile: HostileRig): Promise<string | undefined> {
  return /^id: (\S+)/m.exec(await askText(hostile, '/v1/events?follow=false&type=daemon'))?.[1];
}

async function ask(hostile: HostileRig, path: string): Promise<unknown> {
  return JSON.parse(await askText(hostile, path));
}

async function askText(hostile: HostileRig, path: string): Promise<string> {
  const wire = new Wire(hostile.place('api'));
  const bytes = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  const outcome = await wire.exchange({ bytes, method: 'GET', patienceMs: PATIENCE_MS, headOnly: () => false });
  wire.close();
  if (outcome.is !== 'answered') throw new Error(`GET ${path}: ${outcome.is}`);
  return outcome.answer.body.toString();
}

export function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
