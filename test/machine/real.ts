/** What the tests of engines that nobody here wrote share: the pools of config/examples, and connections that last. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { parse } from 'yaml';
import { Rig, ROOT, until } from './rig.ts';

type Tree = { [key: string]: unknown };

/** Nobody waits for seconds here. Everything else is as the example has it. */
const IMPATIENT = {
  readyAfter: '100ms',
  backoff: { delay: '50ms', limit: '100ms' },
  breaker: { failureThreshold: 2 },
  probes: {
    readiness: { period: '100ms', timeout: '1s', failureThreshold: 2 },
    liveness: { period: '200ms', timeout: '1s', failureThreshold: 3 },
  },
};

export interface Change {
  /** Laid over the pool, maps key by key. */
  readonly pool?: Tree;
  /** Words that come behind the command's. */
  readonly words?: readonly string[];
}

/** The one pool of `config/examples/NAME.yaml`. */
export function example(name: string, { pool = {}, words = [] }: Change = {}): Tree {
  const { pools } = parse(readFileSync(join(ROOT, 'config/examples', `${name}.yaml`), 'utf8')) as { pools: Tree };
  const [[key, value] = ['', {}]] = Object.entries(pools);
  const changed = merged(merged(value as Tree, IMPATIENT), pool);
  const engine = changed.engine as { command: string[] };
  return { [key]: { ...changed, engine: { ...engine, command: [...engine.command, ...words] } } };
}

/** nginx of the example, on a port that is free, with its files in the rig's directory; `conf` rewrites nginx.conf. */
export async function nginxRig(
  conf: (text: string) => string = (text) => text,
  pool: Tree = {},
): Promise<{ readonly rig: Rig; readonly port: number }> {
  const port = await freePort();
  const rig = new Rig(example('nginx', { pool: merged({ engine: { port } }, pool) }));
  // Its workers run as another user, who has to get through.
  chmodSync(rig.dir, 0o711);
  writeNginxConf(rig, port, conf);
  return { rig, port };
}

export function writeNginxConf(rig: Rig, port: number, conf: (text: string) => string = (text) => text): void {
  const text = readFileSync(join(ROOT, 'config/examples/nginx.conf'), 'utf8');
  const own = text.replace('127.0.0.1:8080', `127.0.0.1:${port}`).replaceAll('/tmp/poold-example-nginx', rig.path('nginx'));
  writeFileSync(rig.path('nginx.conf'), conf(own));
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** One connection that is kept; what it hears is matched, piece by piece. */
export class Connection {
  readonly #socket: Socket;
  #heard = '';

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setEncoding('latin1').on('data', (text: string) => {
      this.#heard += text;
    });
    this.#socket.on('error', () => {});
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.readable;
  }

  /** Sends it and waits until what came since matches. */
  async ask(words: string, answer: RegExp): Promise<string> {
    this.#heard = '';
    this.#socket.write(words);
    return until(`the answer to ${words.trim()} matches ${answer}`, () => {
      if (!answer.test(this.#heard)) throw new Error(`it is ${JSON.stringify(this.#heard)}`);
      return this.#heard;
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

function merged(under: Tree, over: Tree): Tree {
  const result = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = result[key];
    result[key] = isTree(below) && isTree(value) ? merged(below, value) : value;
  }
  return result;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
