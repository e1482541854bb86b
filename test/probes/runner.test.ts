import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { systemClock } from '../../src/clock.ts';
import type { InUseSpec, PoolSpec, ProbeAction } from '../../src/config/spec.ts';
import type { NotifyInbox } from '../../src/engine/probes/notify.ts';
import type { ProbeOutcome } from '../../src/engine/probes/outcome.ts';
import type { ProbeReport, ProbeWatchOptions } from '../../src/engine/probes/runner.ts';
import { watchProbes } from '../../src/engine/probes/runner.ts';
import { chatLog, freshDir } from '../logs/log-dir.ts';
import { answers, freePort, serve } from './servers.ts';

const ref = { pool: 'chat', replica: 0, generation: 3 };
const http: ProbeAction = { by: 'httpGet', path: '/${vars.path}', port: null, headers: {} };
const tcp: ProbeAction = { by: 'tcpSocket', port: null };
const quick = { periodMs: 20, timeoutMs: 5_000 };
const thresholds = { successThreshold: 1, failureThreshold: 3 };
const NONE: PoolSpec['probes'] = { startup: null, readiness: null, liveness: null, progress: null };

/** Watches by these probes; what is reported comes into `reports`. */
async function watch(
  probes: Partial<PoolSpec['probes']>,
  { inUse = null, ...more }: Partial<ProbeWatchOptions> & { readonly inUse?: InUseSpec | null } = {},
) {
  const reports: ProbeReport[] = [];
  const log = more.log ?? (await chatLog(freshDir()));
  const watching = watchProbes({
    // Nothing but its probes is looked at.
    spec: { probes: { ...NONE, ...probes }, inUse } as PoolSpec,
    ref,
    host: '127.0.0.1',
    port: null,
    values: { 'vars.path': 'health' },
    clock: systemClock,
    env: { PATH: process.env.PATH ?? '' },
    cwd: '/',
    user: null,
    log,
    notify: null,
    ownerOf: async () => 'ours',
    report: (report) => reports.push(report),
    ...more,
  });
  onTestFinished(() => watching.stop());
  const reported = (kind: ProbeReport['kind'], count: number, ok?: boolean) =>
    vi.waitFor(
      () => {
        const found = reports.filter((report) => report.kind === kind && (ok === undefined || report.ok === ok));
        expect(found.length).toBeGreaterThanOrEqual(count);
        return found;
      },
      { timeout: 10_000, interval: 5 },
    );
  return { watching, reports, reported, log };
}

describe('while it starts', () => {
  it('asks until the first success of the startup probe, and readiness beside it', async () => {
    const { port } = await serve(answers('ok'));
    const { watching, reports, reported } = await watch(
      {
        startup: { action: http, ...quick },
        readiness: { action: tcp, ...quick, ...thresholds },
        liveness: { action: tcp, ...quick, ...thresholds },
      },
      { port },
    );
    expect(reports).toEqual([]);
    watching.setPhase('starting');
    await reported('readiness', 3, true);
    expect(reports.filter((report) => report.kind === 'startup')).toEqual([
      { ref, kind: 'startup', ok: true, message: `http://127.0.0.1:${port}/health answered 200` },
    ]);
    expect(reports.some((report) => report.kind === 'liveness')).toBe(false);
  });

  it('asks a port where nobody listens yet again soon, however long the period is', async () => {
    const port = await freePort();
    const { watching, reported } = await watch({ startup: { action: tcp, periodMs: 3_600_000, timeoutMs: 1_000 } }, { port });
    watching.setPhase('starting');
    await reported('startup', 4, false);
  });

  it('counts no answer of a process that is not the engine', async () => {
    const { port } = await serve(answers('ok'));
    let foreign = true;
    const asked: number[] = [];
    const ownerOf = async (askedPort: number) => {
      asked.push(askedPort);
      return foreign ? ('foreign' as const) : ('ours' as const);
    };
    const { watching, reported } = await watch({ startup: { action: http, ...quick } }, { port, ownerOf });
    watching.setPhase('starting');
    const [first] = await reported('startup', 2, false);
    expect(first?.message).toBe(`cannot count the answer on port ${port}: another process than this engine's listens there`);
    foreign = false;
    await reported('startup', 1, true);
    expect(new Set(asked)).toEqual(new Set([port]));
  });

  it('runs exec probes with templates filled in, by exit code', async () => {
    const flag = join(freshDir(), 'flag');
    const action: ProbeAction = { by: 'exec', command: ['sh', '-c', 'echo not yet >&2; test -e "$1"', 'sh', '${vars.flag}'] };
    const { watching, reported } = await watch({ startup: { action, ...quick } }, { values: { 'vars.flag': flag } });
    watching.setPhase('starting');
    const [first] = await reported('startup', 1, false);
    expect(first?.message).toBe('sh exited with code 1: not yet');
    writeFileSync(flag, '');
    await reported('startup', 1, true);
  });

  it('waits for a line of this generation in the log', async () => {
    const log = await chatLog(freshDir());
    await log.started(2);
    writeSync(log.fd(), 'listening\n');
    await log.started(3);
    const { watching, reports, reported } = await watch({ startup: { action: { by: 'logLine', pattern: '^listen' }, ...quick } }, { log });
    watching.setPhase('starting');
    writeSync(log.fd(), 'not listening\nlistening at last\n');
    expect(await reported('startup', 1)).toEqual([{ ref, kind: 'startup', ok: true, message: 'its log says: listening at last' }]);
    watching.stop();
    expect(reports.length).toBe(1);
  });

  it('waits for READY=1 where datagrams can be received, and says so where they cannot', async () => {
    let heard: (outcome: ProbeOutcome) => void = () => {};
    let open = 0;
    const notify: NotifyInbox = {
      listen(_, callback) {
        heard = callback;
        open += 1;
        return {
          close() {
            open -= 1;
          },
        };
      },
    };
    const startup = { action: { by: 'notify' }, ...quick } as const;
    const able = await watch({ startup }, { notify });
    able.watching.setPhase('starting');
    expect(able.reports).toEqual([]);
    heard({ ok: false, message: 'a stranger said so' });
    heard({ ok: true, message: 'it said so' });
    expect(able.reports).toMatchObject([
      { kind: 'startup', ok: false, message: 'a stranger said so' },
      { kind: 'startup', ok: true, message: 'it said so' },
    ]);
    able.watching.stop();
    expect(open).toBe(0);
    const unable = await watch({ startup });
    unable.watching.setPhase('starting');
    expect(unable.reports).toMatchObject([{ kind: 'startup', ok: false, message: expect.stringMatching(/^cannot receive READY=1/) }]);
  });

  it('without a port says so', async () => {
    const { watching, reported } = await watch({ startup: { action: { ...tcp, port: '${nowhere}' }, ...quick } });
    watching.setPhase('starting');
    expect((await reported('startup', 1, false))[0]?.message).toBe('cannot probe: ${nowhere} is no port from 1 to 65535');
  });
});

describe('while it serves', () => {
  it('runs readiness, liveness and progress, and startup no more', async () => {
    const { port } = await serve(answers('busy{slot="1"} 2\nwork_total 7\n'));
    const progress = { path: '/metrics', port: null, headers: {}, ...quick, busy: 'busy', counter: 'work_total', stallMs: 1 };
    const other = { action: tcp, ...quick, ...thresholds };
    const { watching, reports, reported } = await watch(
      { startup: { action: { by: 'tcpSocket', port: '1' }, ...quick }, readiness: other, liveness: other, progress },
      { port },
    );
    watching.setPhase('starting');
    await reported('startup', 1, false);
    watching.setPhase('serving');
    const before = reports.filter((report) => report.kind === 'startup').length;
    await reported('readiness', 5, true);
    await reported('liveness', 5, true);
    expect((await reported('progress', 2))[0]).toMatchObject({ ref, kind: 'progress', ok: true, busy: 2, counter: 7 });
    expect(reports.filter((report) => report.kind === 'startup').length).toBeLessThanOrEqual(before + 1);
  });

  it('never has two of a kind under way, and reports nothing behind stop', async () => {
    let open = 0;
    let most = 0;
    const { port, connections } = await serve((socket) => {
      open += 1;
      most = Math.max(most, open);
      // 'end' comes in the order of arrival, 'close' behind the next connection.
      socket.on('end', () => {
        open -= 1;
      });
    });
    const { watching, reports, reported } = await watch(
      { liveness: { action: http, periodMs: 5, timeoutMs: 40, ...thresholds } },
      { port },
    );
    watching.setPhase('serving');
    await reported('liveness', 3, false);
    expect(most).toBe(1);
    await vi.waitFor(() => expect(open).toBe(1), { interval: 1 });
    const before = { reports: reports.length, connections: connections.length };
    watching.stop();
    await vi.waitFor(() => expect(open).toBe(0), { interval: 1 });
    watching.setPhase('starting');
    const other = await watch({ liveness: { action: tcp, ...quick, ...thresholds } }, { port });
    other.watching.setPhase('serving');
    await other.reported('liveness', 3, true);
    expect(reports.length).toBe(before.reports);
  });

  it('spreads the first questions over the period', async () => {
    const delays: number[] = [];
    const clock: Clock = {
      ...systemClock,
      random: () => 0.25,
      after: (delayMs) => {
        delays.push(delayMs);
        return { cancel: () => {} };
      },
    };
    const log = await chatLog(freshDir());
    const { watching } = await watch(
      {
        readiness: { action: tcp, ...quick, periodMs: 1000, ...thresholds },
        liveness: { action: tcp, ...quick, periodMs: 8000, ...thresholds },
      },
      { clock, log },
    );
    watching.setPhase('serving');
    expect(delays).toEqual([250, 2000]);
  });

  describe('inUse', () => {
    const inUse: InUseSpec = { path: '/${vars.path}', port: null, headers: {}, gauge: 'users', ...quick };

    it('is the sum of its gauge, asked in each period', async () => {
      const { port } = await serve(answers('users{model="a"} 2\nusers{model="b"} 3\nusers_max 9\n'));
      const { watching, reported } = await watch({}, { port, inUse });
      watching.setPhase('serving');
      expect((await reported('inUse', 3))[2]).toEqual({
        ref,
        kind: 'inUse',
        ok: true,
        message: `http://127.0.0.1:${port}/health answered 200`,
        busy: 5,
      });
    });

    it('that is not on the page, or of no page, is no answer', async () => {
      const { port } = await serve(answers('other 2\n'));
      const without = await watch({}, { port, inUse });
      without.watching.setPhase('serving');
      expect((await without.reported('inUse', 1))[0]).toEqual({
        ref,
        kind: 'inUse',
        ok: false,
        message: 'cannot tell who uses it: /health has no users; check the name, and that the engine exports metrics',
      });
      const { port: failing } = await serve(answers('users 2\n', '501 Not Implemented'));
      const refused = await watch({}, { port: failing, inUse });
      refused.watching.setPhase('serving');
      const [first] = await refused.reported('inUse', 1, false);
      expect(first?.message).toBe(`http://127.0.0.1:${failing}/health answered 501: users 2`);
      expect(first).not.toHaveProperty('busy');
      const nowhere = await watch({}, { inUse });
      nowhere.watching.setPhase('serving');
      expect((await nowhere.reported('inUse', 1, false))[0]?.message).toBe('cannot probe: the engine has no port');
    });

    it('reads no more than 1 MiB of a page', async () => {
      const { port } = await serve(answers(`users 1\n${'# filler\n'.repeat(130_000)}users 1\n`));
      const { watching, reported } = await watch({}, { port, inUse });
      watching.setPhase('serving');
      expect((await reported('inUse', 1, true))[0]?.busy).toBe(1);
    });

    it('is asked at once of an engine that has become ready, and within a period of one that was adopted', async () => {
      const delays: number[] = [];
      const clock: Clock = {
        ...systemClock,
        random: () => 0.25,
        after: (delayMs) => {
          delays.push(delayMs);
          return { cancel: () => {} };
        },
      };
      const slow = { ...inUse, periodMs: 2_000 };
      const log = await chatLog(freshDir());
      const started = await watch({}, { clock, log, inUse: slow });
      started.watching.setPhase('starting');
      expect(delays).toEqual([]);
      started.watching.setPhase('serving');
      expect(delays.splice(0)).toEqual([0]);
      const adopted = await watch({}, { clock, log, inUse: slow });
      adopted.watching.setPhase('serving');
      expect(delays).toEqual([500]);
    });
  });

  it('with no probes nothing runs', async () => {
    const timers: number[] = [];
    const clock: Clock = {
      ...systemClock,
      after(delayMs, fire) {
        timers.push(delayMs);
        return systemClock.after(delayMs, fire);
      },
    };
    const log = await chatLog(freshDir());
    const { watching, reports } = await watch({}, { clock, log });
    watching.setPhase('starting');
    watching.setPhase('serving');
    watching.stop();
    expect([timers, reports]).toEqual([[], []]);
  });
});

it('an exec probe that is stopped is killed', async () => {
  const pidFile = join(freshDir(), 'pid');
  const action: ProbeAction = { by: 'exec', command: ['sh', '-c', 'echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 600', pidFile] };
  const { watching } = await watch({ liveness: { action, periodMs: 1, timeoutMs: 600_000, ...thresholds } });
  watching.setPhase('serving');
  const pid = await vi.waitFor(() => Number(readFileSync(pidFile, 'utf8')), { timeout: 10_000, interval: 5 });
  watching.stop();
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(), { timeout: 10_000, interval: 5 });
});
