/** RESULTS.md: one section per part, each with the day, commit and load of its own run, so that one part can be run again alone. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, getPriority, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import type { Part } from './part.ts';

const FILE = join(import.meta.dirname, 'RESULTS.md');
const HEAD = `# Figures

\`npm run bench\`, or \`npm run bench -- --only NAME,NAME\`. Each section tells when, where and of which commit it was measured.
Trust ratios, not absolutes: where somebody else is beside poold, both ran in turns in the same minutes, and a ratio is the median of such pairs.
`;

/** To be asked before the run: its own load is none of the machine's. */
export function stamp(): string {
  const day = new Date(systemClock.wallMs()).toISOString().slice(0, 10);
  const [load = 0] = loadavg();
  return `${day}, commit ${commit()}, ${machine()}, nice ${getPriority()}, load average ${load.toFixed(1)} before it.`;
}

/** Puts the section in the place of that part's last one; the sections stand in the order of `parts`, and behind them those of long runs that are no part of it. */
export function keepSection(parts: readonly Part[], { name, title }: Part, text: string): void {
  const kept = existsSync(FILE) ? sectionsIn(readFileSync(FILE, 'utf8')) : new Map<string, string>();
  kept.set(name, `## ${name}: ${title}\n\n${text}\n`);
  const names = parts.map((part) => part.name);
  const sections = [
    ...names.flatMap((known) => kept.get(known) ?? []),
    ...[...kept].flatMap(([known, section]) => (names.includes(known) ? [] : section)),
  ];
  writeFileSync(FILE, [HEAD, ...sections].join('\n'));
}

function sectionsIn(text: string): Map<string, string> {
  const sections = text.split(/^(?=## )/m).slice(1);
  return new Map(sections.map((section) => [/^## ([\w-]+)/.exec(section)?.[1] ?? '', `${section.trimEnd()}\n`]));
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
