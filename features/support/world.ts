/** One scenario's own daemon: fresh directories, the real binaries, real engines. Steps speak through it as an operator would. */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setWorldConstructor, World } from '@cucumber/cucumber';
import { parse, stringify } from 'yaml';
import { Client } from '../../src/client/client.ts';
import { systemClock } from '../../src/clock.ts';
import { findContainment, removeCgroup } from '../../src/engine/cgroup.ts';
import type { EngineStatus, PoolStatus } from '../../src/pool/status.ts';
import { portsOfThisWorker } from './ports.ts';
import { instanceOf, killQuietly, processesOf } from './processes.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** How long a fact may take to come about: far more than it needs, so that a slow machine is no failure. */
const PATIENCE_MS = 20_000;
const LOOK_MS = 20;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LogEntry {
  readonly level: string;
  readonly msg: string;
  readonly event?: string;
  readonly pool?: string;
  readonly engine?: string;
  readonly [fact: string]: unknown;
}

export class PooldWorld extends World {
  readonly dir = mkdtempSync(join(tmpdir(), 'poold-feature-'));
  readonly engines = join(ROOT, 'test/engines');
  /** Pool → its part of the configuration, as the scenario wrote it. */
  readonly pools: Record<string, unknown> = {};
  /** What stands beside `pools` in the configuration. */
  top: Record<string, unknown> = {};
  daemonEnv: Record<string, string> = {};
  daemon: ChildProcess | null = null;
  /** Of the last command; a failure that no step looked at fails the scenario. */
  last: (Ran & { examined: boolean }) | null = null;
  /** Whatever a scenario wants to remember, by name. */
  readonly noted = new Map<string, unknown>();
  #daemons = 0;
  #client: Client | null = null;

  get configFile(): string {
    return join(this.dir, 'poold.yaml');
  }

  get socket(): string {
    return join(this.dir, 'run/api.sock');
  }

  get client(): Client {
    this.#client ??= new Client({ target: { socketPath: this.socket }, clock: systemClock, actor: 'features', timeoutMs: 5_000 });
    return this.#client;
  }

  /** A pool by a YAML fragment; `ENGINES` stands for the directory of the fixture engines, `DIR` for the scenario's own, `PORT1` for a port of its own. */
  addPool(name: string, yaml: string): void {
    this.pools[name] = parse(this.filled(yaml));
  }

  filled(text: string): string {
    const [, to] = portsOfThisWorker();
    const words = text.replaceAll('ENGINES', this.engines).replaceAll(/\bDIR\b/g, this.dir);
    return words.replaceAll(/\bPORT([1-9])\b/g, (_, number: string) => String(to + Number(number)));
  }

  writeConfig(): void {
    // At `debug` each event is a line of the log: so it shows whether the log has caught up.
    writeFileSync(this.configFile, stringify({ ports: portsOfThisWorker(), log: { level: 'debug' }, ...this.top, pools: this.pools }));
  }

  /** Starts it and waits until it says it is ready to be asked, or until it has ended: then its words are the last command's. */
  async startDaemon(): Promise<void> {
    this.writeConfig();
    const child = this.spawnDaemon();
    const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
    await this.until('the daemon answers or has ended', async () => ended() || (await answers(this.client)));
    if (ended()) this.last = { code: child.exitCode, stdout: '', stderr: this.daemonWords(), examined: false };
  }

  spawnDaemon(): ChildProcess {
    this.#daemons += 1;
    const args = [
      join(ROOT, 'bin/poold'),
      'run',
      '--config',
      this.configFile,
      '--state-dir',
      join(this.dir, 'state'),
      '--runtime-dir',
      join(this.dir, 'run'),
    ];
    const out = openSync(join(this.dir, `daemon-${this.#daemons}.log`), 'a');
    const err = openSync(join(this.dir, `daemon-${this.#daemons}.err`), 'a');
    // What is compiled is compiled once, not by each scenario's daemon.
    const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
    const env = { PATH: process.env.PATH ?? '', HOME: this.dir, XDG_CACHE_HOME: cache, ...this.daemonEnv };
    this.daemon = spawn(process.execPath, args, { stdio: ['ignore', out, err], env });
    closeSync(out);
    closeSync(err);
    return this.daemon;
  }

  /** As if the power of the process had been cut: no handler runs. Resolves when it is gone. */
  async killDaemon(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const { daemon } = this;
    if (daemon === null || daemon.exitCode !== null || daemon.signalCode !== null) return daemon?.exitCode ?? null;
    const ended = new Promise<number | null>((done) => daemon.once('exit', (code) => done(code)));
    daemon.kill(signal);
    return ended;
  }

  /** Runs `poolctl` against this scenario's daemon; its words and exit code become the last command's. */
  async poolctl(...args: string[]): Promise<Ran> {
    return this.run(process.execPath, [join(ROOT, 'bin/poolctl'), '--socket', this.socket, ...args]);
  }

  async poold(...args: string[]): Promise<Ran> {
    return this.run(process.execPath, [join(ROOT, 'bin/poold'), ...args]);
  }

  async run(command: string, args: readonly string[]): Promise<Ran> {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', USER: 'tester' },
      cwd: this.dir,
    });
    const words = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      words.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words.stderr += text;
    });
    const code = await new Promise<number | null>((done) => child.once('close', (status) => done(status)));
    this.last = { code, ...words, examined: code === 0 };
    return { code, ...words };
  }

  /** The last command, as looked at by a step. */
  looked(): Ran {
    if (this.last === null) throw new Error('no command was run yet');
    this.last.examined = true;
    return this.last;
  }

  /** The text of `GET path`, as curl over the socket would show it. */
  get(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: this.socket, path, headers: { host: 'localhost' } }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        answer.on('end', () => resolve(text));
      });
      asked.on('error', reject).end();
    });
  }

  status(pool: string): Promise<PoolStatus> {
    return this.client.pool(pool);
  }

  async engine(id: string): Promise<EngineStatus> {
    const [pool = ''] = id.split('/');
    const found = (await this.status(pool)).engines.find((engine) => engine.id === id);
    if (found === undefined) throw new Error(`there is no engine ${id}`);
    return found;
  }

  /** Lines of the daemon's own log, of all daemons of the scenario in their order. */
  daemonLog(): LogEntry[] {
    const files = readdirSync(this.dir).filter((name) => /^daemon-\d+\.log$/.test(name));
    const numbered = files.toSorted((one, other) => Number(one.match(/\d+/)?.[0]) - Number(other.match(/\d+/)?.[0]));
    return numbered.flatMap((name) => {
      const lines = readFileSync(join(this.dir, name), 'utf8').split('\n');
      // The last one may be half written.
      return lines.slice(0, -1).map((line) => JSON.parse(line) as LogEntry);
    });
  }

  daemonWords(): string {
    const file = join(this.dir, `daemon-${this.#daemons}.err`);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** Waits until `fact` holds, and fails with what it last saw. A fact that throws does not hold yet. */
  async until(what: string, fact: () => boolean | Promise<boolean>): Promise<void> {
    const endMs = performance.now() + PATIENCE_MS;
    let trouble = '';
    while (performance.now() < endMs) {
      try {
        if (await fact()) return;
        trouble = '';
      } catch (error) {
        trouble = `: ${(error as Error).message}`;
      }
      await new Promise((again) => setTimeout(again, LOOK_MS));
    }
    throw new Error(`it never came about that ${what}${trouble}`);
  }

  async #endEngines(instance: string): Promise<void> {
    await this.until('all processes of the scenario are gone', () => {
      const left = processesOf(instance);
      for (const pid of left) killQuietly(pid);
      return left.length === 0;
    });
    const containment = findContainment(instance, process.env);
    if (containment.by === 'cgroup') await this.until('its cgroups are gone', () => removeCgroup(containment.parent));
  }

  /** Ends whatever the scenario left: the daemon, engines, launchers; then its directory. */
  async tidyUp(): Promise<void> {
    await this.#client?.close();
    await this.killDaemon();
    const instance = instanceOf(join(this.dir, 'state'));
    if (instance !== null) await this.#endEngines(instance);
    mkdirSync(this.dir, { recursive: true });
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function answers(client: Client): Promise<boolean> {
  try {
    return (await client.health()).status === 'ok';
  } catch {
    return false;
  }
}

setWorldConstructor(PooldWorld);
