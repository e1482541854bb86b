/** The doors into the API and whom each lets in. Deny by default: whoever is not known has no role, and only `open` routes ask for none. */
import { isIP } from 'node:net';
import type { Clock } from '../clock.ts';
import { PooldError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import type { Access, Role } from './roles.ts';
import { allows } from './roles.ts';
import type { Caller } from './route.ts';
import type { Tokens } from './tokens.ts';

export type Door =
  /** Who may open the file has the role: the kernel checks it. */
  | { readonly kind: 'socket'; readonly role: Role }
  | { readonly kind: 'tcp'; readonly tokens: Tokens; readonly hosts: readonly string[] }
  /** Only routes that are open and marked for it. Beyond loopback anybody may read it anyway, so `Host` is checked only on loopback. */
  | { readonly kind: 'metrics'; readonly loopback: boolean };

/** What of a request decides about it; headers by lower-case name. */
export interface Credentials {
  readonly header: (name: string) => string | null;
  readonly peer: string;
}

export class Gate {
  readonly #door: Door;
  readonly #clock: Clock;
  /** Monotonic times of failed logins per peer, oldest peer first. */
  readonly #failures = new Map<string, number[]>();

  constructor(door: Door, clock: Clock) {
    this.#door = door;
    this.#clock = clock;
  }

  /** Who is asking. `access: null` is a route that does not exist, which strangers are not told. Throws PooldError `unauthorized`, `forbidden`, `rate_limited`, `invalid_request`. */
  admit(access: Access | null, credentials: Credentials): Caller {
    this.#refuseBrowsers(credentials);
    const door = this.#door;
    if (door.kind === 'socket') {
      demand(door.role, access);
      return { by: claimedActor(credentials.header('poold-actor')) ?? 'socket', claimed: true, role: door.role };
    }
    if (door.kind === 'metrics' || access === 'open') return { by: 'anonymous', claimed: true, role: null };
    return this.#bearer(door.tokens, access, credentials);
  }

  /** A page in somebody's browser always sends Origin across sites; after DNS rebinding it sends a Host that is not ours. */
  #refuseBrowsers({ header }: Credentials): void {
    if (header('origin') !== null) throw new PooldError('forbidden', 'cannot answer requests of web pages: leave out the Origin header');
    if (this.#door.kind === 'socket' || (this.#door.kind === 'metrics' && !this.#door.loopback)) return;
    const host = hostName(header('host') ?? '');
    const known = this.#door.kind === 'tcp' ? this.#door.hosts : [];
    if (['localhost', '127.0.0.1', '[::1]', ...known.map((name) => name.toLowerCase())].includes(host)) return;
    throw new PooldError('forbidden', `cannot answer for the host ${JSON.stringify(host.slice(0, 128))}: list it under listen.tcp.hosts`);
  }

  /** A good token always gets in: limiting those too would let a stranger behind the same address lock its owner out. */
  #bearer(tokens: Tokens, access: Access | null, { header, peer }: Credentials): Caller {
    const token = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(header('authorization') ?? '')?.[1];
    const entry = token === undefined ? null : tokens.find(token, this.#clock.wallMs());
    if (entry !== null) {
      demand(entry.role, access);
      return { by: entry.id, claimed: false, role: entry.role };
    }
    const blockedMs = this.#failed(peer);
    if (blockedMs > 0)
      throw new PooldError('rate_limited', 'cannot check more tokens from this address for now: too many were wrong', {
        retryAfterMs: blockedMs,
      });
    throw new PooldError(
      'unauthorized',
      token === undefined
        ? 'cannot let you in without a token: send Authorization: Bearer TOKEN'
        : 'cannot let you in: this token is unknown or has expired',
    );
  }

  /** Counts a failed login; milliseconds until the next one would be looked at again, 0 while under the limit. */
  #failed(peer: string): number {
    const nowMs = this.#clock.nowMs();
    const key = networkOf(peer);
    const recent = (this.#failures.get(key) ?? []).filter((atMs) => atMs > nowMs - LIMITS.failedLoginsWindowMs);
    const blocked = recent.length >= LIMITS.failedLogins;
    if (!blocked) recent.push(nowMs);
    this.#failures.delete(key);
    this.#failures.set(key, recent);
    const oldest = this.#failures.keys().next().value;
    if (this.#failures.size > LIMITS.failedLoginPeers && oldest !== undefined) this.#failures.delete(oldest);
    return blocked ? Math.max(1, (recent[0] ?? nowMs) + LIMITS.failedLoginsWindowMs - nowMs) : 0;
  }
}

function demand(role: Role, access: Access | null): void {
  if (access === null || allows(role, access)) return;
  throw new PooldError('forbidden', `cannot do this with the role ${role}: it takes ${access}`);
}

/** Printable ASCII only, so that it is harmless wherever it is shown later. */
function claimedActor(text: string | null): string | null {
  if (text === null || text === '') return null;
  if (text.length <= LIMITS.actorChars && /^[\x20-\x7e]+$/.test(text)) return text;
  throw new PooldError('invalid_request', `cannot accept the header Poold-Actor: at most ${LIMITS.actorChars} printable ASCII characters`);
}

/** Without the port, lower case, the brackets of IPv6 kept. */
function hostName(host: string): string {
  return (/^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(host)?.[1] ?? host).toLowerCase();
}

/** One customer of IPv6 usually has a whole /64. */
function networkOf(peer: string): string {
  return isIP(peer) === 6 && !peer.startsWith('::ffff:') ? peer.split(':').slice(0, 4).join(':') : peer;
}
