/** The daemon's own process under the names every Prometheus dashboard knows, and how late its event loop is. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Clock, Timer } from '../clock.ts';

const LAG_PERIOD_MS = 500;
/** The kernel's unit in /proc/PID/stat, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Returns what ends the measuring. */
export function createProcessMetrics(registry: Registry, clock: Clock): () => void {
  const registers = [registry];
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  gauge('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss());
  gauge('process_virtual_memory_bytes', 'Virtual memory', () => Number(fieldOf('/proc/self/status', /^VmSize:\s+(\d+) kB/m)) * 1_024);
  gauge('process_open_fds', 'Open file descriptors', () => readdirSync('/proc/self/fd').length);
  gauge('process_max_fds', 'Limit of open file descriptors', () => Number(fieldOf('/proc/self/limits', /^Max open files\s+(\d+)/m)));
  gauge('process_start_time_seconds', 'Start of the process, in seconds since 1970', startSeconds);
  return lagMeasured(registry, clock);

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  }
}

function lagMeasured(registry: Registry, clock: Clock): () => void {
  const lag = new Histogram({
    name: 'poold_event_loop_lag_seconds',
    help: 'How late a timer of the daemon fires, looked at twice a second',
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  let timer: Timer;
  const measured = (dueMs: number): void => {
    lag.observe(Math.max(0, clock.nowMs() - dueMs) / 1_000);
    armed();
  };
  const armed = (): void => {
    const dueMs = clock.nowMs() + LAG_PERIOD_MS;
    timer = clock.after(LAG_PERIOD_MS, () => measured(dueMs));
  };
  armed();
  return () => timer.cancel();
}

/** Seconds from boot to the start (field 22, behind the name, which may hold anything) on top of the time of the boot. */
function startSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const startTicks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  return Number(fieldOf('/proc/stat', /^btime (\d+)/m)) + startTicks / TICKS_PER_SECOND;
}

/** `NaN` as text where there is no such line (`unlimited`, another kernel). */
function fieldOf(file: string, pattern: RegExp): string {
  return pattern.exec(readFileSync(file, 'utf8'))?.[1] ?? 'NaN';
}
