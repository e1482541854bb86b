/**
 * The probes of one generation: startup (and readiness) while it starts, then readiness, liveness, progress and inUse, each at its own pace and
 * never two of a kind at once. Reports every single result; what a row of them means is decided in `samples-state.ts`.
 */
import type { PoolSpec, ProbeAction, ProbeSpec, StartupProbeSpec } from '../../config/spec.ts';
import type { EngineRef } from '../identity.ts';
import type { EngineLog } from '../logs/log-file.ts';
import { waitForLine } from '../logs/wait-for-line.ts';
import type { ProbeResult } from '../samples-state.ts';
import type { ProbeContext } from './action.ts';
import { probeBy, probeInUseBy, probeProgressBy, targetOf } from './action.ts';
import type { Owner } from './listener.ts';
import type { NotifyInbox } from './notify.ts';
import type { ProbeOutcome } from './outcome.ts';
import { repeat } from './repeat.ts';

export interface ProbeReport extends ProbeResult {
  readonly ref: EngineRef;
}

export interface ProbeWatchOptions extends Omit<ProbeContext, 'signal'> {
  readonly spec: PoolSpec;
  readonly ref: EngineRef;
  readonly log: EngineLog;
  /** Null where datagrams cannot be received. */
  readonly notify: NotifyInbox | null;
  /** Whose listener answers on a port of `host` (see `listenerIs`); asked when a probe succeeds for the first time. */
  readonly ownerOf: (port: number) => Promise<Owner>;
  readonly report: (report: ProbeReport) => void;
}

export interface ProbeWatch {
  /** Nothing is asked before the first call. */
  setPhase(phase: 'starting' | 'serving'): void;
  /** Asks the busy gauge now, and goes on at its period from there. */
  askInUse(): void;
  /** Nothing is reported after it; connections are cut. */
  stop(): void;
}

type Kind = ProbeResult['kind'];
type Outcome = Omit<ProbeResult, 'kind'>;

/** While an engine starts and nobody listens yet, it is asked again this soon, then half as often each time, down to its period. */
const FIRST_RETRY_MS = 25;

export function watchProbes(options: ProbeWatchOptions): ProbeWatch {
  const over = new AbortController();
  const context: ProbeContext = { ...options, signal: over.signal };
  const { inUse } = options.spec;
  const { startup, readiness, liveness, progress } = options.spec.probes;
  const running = new Map<Kind, () => void>();
  let phase: 'starting' | 'serving' | null = null;
  let owned = false;

  const report: ReportOne = (kind, outcome) => {
    if (!over.signal.aborted) options.report({ ref: options.ref, kind, ok: outcome.ok, message: outcome.message, ...figures(outcome) });
  };
  const begin = (kind: Kind, first: { readonly withinMs: number }, round: () => Promise<number | null>): void => {
    if (running.has(kind)) return;
    // A thousand engines adopted at once must not all be asked in the same moment.
    const firstDelayMs = phase === 'starting' ? 0 : options.clock.random() * first.withinMs;
    running.set(kind, repeat({ clock: options.clock, firstDelayMs, round }));
  };
  /** For startup probes that are not asked but told. */
  const told: ReportOne = (kind, outcome) => {
    report(kind, outcome);
    if (outcome.ok) startedUp();
  };
  /** A round of an ordinary probe. */
  const asking = (kind: Kind, spec: ProbeSpec | { action: ProbeAction; periodMs: number; timeoutMs: number }) => {
    const retry = retries(spec.periodMs);
    return async (): Promise<number | null> => {
      let outcome = await probeBy(spec.action, spec.timeoutMs, context);
      if (outcome.ok && phase === 'starting' && !owned) outcome = await checked(outcome, spec.action, context, options);
      owned ||= outcome.ok;
      report(kind, outcome);
      if (kind === 'startup' && outcome.ok) {
        startedUp();
        return null;
      }
      return phase === 'starting' && outcome.refused === true ? retry() : spec.periodMs;
    };
  };
  /** A round that reads figures. */
  const read =
    <S extends { readonly periodMs: number }>(kind: Kind, spec: S, ask: (spec: S, context: ProbeContext) => Promise<Outcome>) =>
    async (): Promise<number> => {
      report(kind, await ask(spec, context));
      return spec.periodMs;
    };
  /** While a startup probe is still asking, the engine is not ready whatever its readiness probe would say. */
  const startedUp = (): void => {
    if (readiness !== null) begin('readiness', { withinMs: readiness.periodMs }, asking('readiness', readiness));
  };
  const beginStartup = (spec: StartupProbeSpec): void => {
    const { action } = spec;
    if (running.has('startup')) return;
    if (action.by === 'logLine') running.set('startup', awaitLine(action.pattern, over.signal, options, told));
    else if (action.by === 'notify') running.set('startup', awaitNotify(options, told));
    else begin('startup', { withinMs: spec.periodMs }, asking('startup', { ...spec, action }));
  };
  const serve = (adopted: boolean): void => {
    running.get('startup')?.();
    if (liveness !== null) begin('liveness', { withinMs: liveness.periodMs }, asking('liveness', liveness));
    if (progress !== null) begin('progress', { withinMs: progress.periodMs }, read('progress', progress, probeProgressBy));
    // At once where engines come one by one: a drain waits for what it says.
    if (inUse !== null) begin('inUse', { withinMs: adopted ? inUse.periodMs : 0 }, read('inUse', inUse, probeInUseBy));
  };

  return {
    setPhase(next) {
      if (over.signal.aborted || phase === next) return;
      const adopted = phase === null;
      phase = next;
      if (next === 'starting' && startup !== null) beginStartup(startup);
      else startedUp();
      if (next === 'serving') serve(adopted);
    },
    askInUse() {
      if (over.signal.aborted || phase !== 'serving' || inUse === null) return;
      running.get('inUse')?.();
      running.delete('inUse');
      begin('inUse', { withinMs: 0 }, read('inUse', inUse, probeInUseBy));
    },
    stop() {
      over.abort();
      for (const end of running.values()) end();
    },
  };
}

/** The delay of each next try. */
function retries(periodMs: number): () => number {
  let retryMs = FIRST_RETRY_MS / 2;
  return () => {
    retryMs = Math.min(periodMs, retryMs * 2);
    return retryMs;
  };
}

/** The good answer, unless it came from a process that is provably not the engine's. */
async function checked(
  outcome: ProbeOutcome,
  action: ProbeAction,
  context: ProbeContext,
  options: ProbeWatchOptions,
): Promise<ProbeOutcome> {
  const target = action.by === 'exec' ? null : targetOf(action.port, context);
  if (target === null || (await options.ownerOf(target.port)) !== 'foreign') return outcome;
  return { ok: false, message: `cannot count the answer on port ${target.port}: another process than this engine's listens there` };
}

type ReportOne = (kind: Kind, outcome: Outcome) => void;

/** Not asked periodically: the log is followed until the line is there, the phase changes or all is over. */
function awaitLine(pattern: string, over: AbortSignal, options: ProbeWatchOptions, report: ReportOne): () => void {
  const ended = new AbortController();
  const { log, ref } = options;
  const signal = AbortSignal.any([over, ended.signal]);
  waitForLine(log, { generation: ref.generation, pattern: new RegExp(pattern), signal }).then(
    (line) => {
      if (line !== null) report('startup', { ok: true, message: `its log says: ${line.slice(0, 200)}` });
    },
    (error: Error) => report('startup', { ok: false, message: `cannot read ${log.path}: ${error.message}` }),
  );
  return () => ended.abort();
}

function awaitNotify(options: ProbeWatchOptions, report: ReportOne): () => void {
  if (options.notify === null) {
    report('startup', { ok: false, message: 'cannot receive READY=1 on this host; use httpGet, tcpSocket or logLine as startup probe' });
    return () => {};
  }
  const inbox = options.notify.listen(options.ref, (outcome) => report('startup', outcome));
  return () => inbox.close();
}

function figures(outcome: Omit<ProbeResult, 'kind'>): { busy?: number; counter?: number } {
  const { busy, counter } = outcome;
  return { ...(busy === undefined ? {} : { busy }), ...(counter === undefined ? {} : { counter }) };
}
