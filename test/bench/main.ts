/** `npm run bench`: first figures in one run, printed and written to RESULTS.md beside this file. Root, runit and supervisor are needed. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, getPriority, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import type { Fleet } from './fleet.ts';
import { benchFleet } from './fleet.ts';
import type { LeaseFigures } from './leases.ts';
import { benchLeases } from './leases.ts';
import type { Restarts } from './restarts.ts';
import { benchRestarts, median } from './restarts.ts';

const KILLS = Number(process.env.POOLD_BENCH_KILLS ?? 21);
const ENGINES = Number(process.env.POOLD_BENCH_ENGINES ?? 200);
const DRAINS = Number(process.env.POOLD_BENCH_DRAINS ?? 50);

const [loadBefore = 0] = loadavg();
const leases = await benchLeases({ clients: 64, drains: DRAINS });
const fleet = await benchFleet(ENGINES);
const restarts = await benchRestarts(KILLS);
const report = `# Figures

\`npm run bench\` on ${new Date(systemClock.wallMs()).toISOString().slice(0, 10)}, commit ${commit()}, ${machine()}.
One run, at nice ${getPriority()}, load average ${loadBefore.toFixed(1)} before it: trust ratios, not absolutes.

${restartsTable(restarts)}

${leasesTable(leases)}

${fleetTable(fleet)}
`;
writeFileSync(join(import.meta.dirname, 'RESULTS.md'), report);
process.stdout.write(report);

function restartsTable(all: readonly Restarts[]): string {
  const rows = all.map(({ name, delaysMs, decidedMs }) => {
    const decided = decidedMs === null ? '' : median(decidedMs).toFixed(0);
    return `| ${name} | ${median(delaysMs).toFixed(1)} | ${(delaysMs[0] ?? Number.NaN).toFixed(1)} | ${(delaysMs.at(-1) ?? Number.NaN).toFixed(1)} | ${decided} |`;
  });
  return `SIGKILL of an engine → first act of its successor (\`date\` in a shell script), back-off 0, ${KILLS} kills each, in turns.
poold with everything that is on by default: tree empty, last lines read, end and intent stored, port test-bound, cgroup, \`setpriv\`.
"decided" is when poold has put the old one away and begins to start the next; the log tells it in whole milliseconds.

| | median ms | least | most | decided, median |
| --- | --- | --- | --- | --- |
${rows.join('\n')}`;
}

function leasesTable({ clients, pairsPerSecond, p50Ms, p99Ms, alonePerSecond, termMs, latenessMs }: LeaseFigures): string {
  const spread = (sorted: readonly number[]): string =>
    `${median(sorted).toFixed(1)} ms; least ${(sorted[0] ?? Number.NaN).toFixed(1)}, most ${(sorted.at(-1) ?? Number.NaN).toFixed(1)}`;
  return `Leases over \`lease.sock\`, each grant and release stored before it is answered (durable against SIGKILL); the clients share the machine.

| | |
| --- | --- |
| acquire + release, ${clients} clients | ${pairsPerSecond.toFixed(0)} pairs/s; p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms |
| the same, one client | ${alonePerSecond.toFixed(0)} pairs/s |
| drain of an empty pool: request sent until the engine's TERM handler runs, median of ${termMs.length} | ${spread(termMs)} |
| force-stop: deadline until the engine's TERM handler runs, median of ${latenessMs.length} | ${spread(latenessMs)} |`;
}

function fleetTable(of: Fleet): string {
  const kb = (bytes: number): string => `${(bytes / 1024 / of.engines).toFixed(0)} KiB`;
  const mb = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const rows = [
    ['daemon started until it answers, no engine', `${of.daemonUpMs.toFixed(0)} ms`],
    [`\`start\` until all ${of.engines} are ready`, `${of.allReadyMs.toFixed(0)} ms`],
    [`after SIGKILL: daemon started until all ${of.engines} are adopted and it answers`, `${of.adoptedMs.toFixed(0)} ms`],
    ['PSS of the daemon without engines', mb(of.emptyPssBytes)],
    [`PSS of the daemon with ${of.engines}`, mb(of.fullPssBytes)],
    ['that is, per engine', kb(of.fullPssBytes - of.emptyPssBytes)],
    ['PSS of its launcher, per engine', kb(of.launcherPssBytes)],
    ['processor of the idle daemon, over 10 s', `${(of.idleCpu * 100).toFixed(2)} % of one`],
  ];
  return `${of.engines} engines (\`sleep\`) of one pool, no probes.

| | |
| --- | --- |
${rows.map(([what, value]) => `| ${what} | ${value} |`).join('\n')}`;
}

function commit(): string {
  const said = (...args: string[]): string => spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).stdout.trim();
  return `${said('rev-parse', '--short', 'HEAD')}${said('status', '--porcelain', '../../src') === '' ? '' : ' with changes'}`;
}

function machine(): string {
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  const { model = 'unknown processor' } = cpus()[0] ?? {};
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return `${cpus().length} × ${model}, ${memory} GiB, ${system}, Linux ${release()}, Node ${process.versions.node}`;
}
