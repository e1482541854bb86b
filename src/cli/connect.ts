/** Which daemon poolctl talks to, and as whom. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Client } from '../client/client.ts';
import { ClientError } from '../client/client-error.ts';
import type { Target } from '../client/target.ts';
import type { Clock } from '../clock.ts';
import { pathsFor } from '../paths.ts';
import { actor } from './actor.ts';
import { UsageError } from './exit-codes.ts';

export interface Where {
  readonly socket?: string | undefined;
  readonly url?: string | undefined;
  readonly tokenFile?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Connects nothing yet: the first call does. Throws UsageError, ClientError. */
export async function clientFor(
  where: Where,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<Client> {
  return new Client({ target: await findTarget(where, process.env), clock, timeoutMs, actor: actor() });
}

/** `--socket` or `--url`, then the environment, then the service's socket, then the person's own: the first at which somebody listens. */
export async function findTarget(where: Where, environment: Environment): Promise<Target> {
  if (where.socket !== undefined && where.url !== undefined)
    throw new UsageError('cannot talk to two daemons: give either --socket or --url');
  if (where.url === undefined && where.tokenFile !== undefined && where.socket !== undefined)
    throw new UsageError('cannot use a token over a socket: --token-file goes with --url');
  if (where.socket !== undefined) return socketTarget(where.socket);
  if (where.url !== undefined) return urlTarget(where.url, where.tokenFile);
  if (environment.POOLD_SOCKET) return socketTarget(environment.POOLD_SOCKET);
  if (environment.POOLD_URL) return urlTarget(environment.POOLD_URL, where.tokenFile);
  const candidates = socketCandidates(environment);
  for (const socketPath of candidates) if (await listens(socketPath)) return { socketPath };
  const there = candidates.find(mayBeThere);
  if (there !== undefined) return { socketPath: there };
  throw new ClientError(
    'unreachable',
    `cannot reach poold: there is no socket at ${candidates.join(' or ')}; start it with poold run, or name its socket with --socket`,
    { status: null },
  );
}

/** In the order in which they are tried: the service's, then the person's own. A directory that the environment names comes before both. */
export function socketCandidates(environment: Environment): readonly string[] {
  const { apiSocket, state } = pathsFor({}, environment);
  const service = '/run/poold/api.sock';
  // The daemon may have been started where XDG_RUNTIME_DIR is not set.
  const own = [apiSocket, join(state, 'run', 'api.sock')];
  return [...new Set(environment.POOLD_RUNTIME_DIR ? [apiSocket] : [service, ...own])];
}

/** A socket nobody answers at, or a directory that we may not enter: both say more than "not found". */
function mayBeThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
  } catch {
    return true;
  }
}

/** The kernel says of a plain file only that nobody listens there. */
function socketTarget(socketPath: string): Target {
  if (mayBeThere(socketPath) || !existsSync(socketPath)) return { socketPath };
  throw new ClientError(
    'not_poold',
    `cannot talk to ${socketPath}: it is no socket; poold's api.sock lies in its runtime directory, /run/poold for the service`,
    { status: null },
  );
}

function urlTarget(text: string, tokenFile: string | undefined): Target {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new UsageError(`cannot use the URL ${JSON.stringify(text)}: write http://HOST:PORT or https://HOST:PORT`);
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (tokenFile !== undefined && url.protocol === 'http:' && !local)
    throw new UsageError(`cannot send a token to ${url.origin}: it would cross the network in the clear; use https`);
  return { url: url.origin, token: tokenFile === undefined ? null : readToken(tokenFile) };
}

function readToken(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UsageError(`cannot read the token file ${file}: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`, {
      cause: error,
    });
  }
  if (!/^[\x21-\x7e]{1,512}$/.test(text))
    throw new UsageError(`cannot use the token file ${file}: it has to hold one token and nothing else`);
  return text;
}

function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (yes: boolean) => (): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
}
