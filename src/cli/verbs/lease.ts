/** `lease acquire|renew|release|revoke`. */
import { readFileSync } from 'node:fs';
import type { AcquireOrder } from '../../client/lease-client.ts';
import type { Granted } from '../../lease/lease.ts';
import { actor } from '../actor.ts';
import { ending } from '../ending.ts';
import type { ExitCode } from '../exit-codes.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { harmless } from '../harmless.ts';
import type { Session } from '../session.ts';
import { wholeNumber, wholePool } from '../target.ts';
import { durationMs, relative, span } from '../times.ts';
import { whenGranted } from './lease-queue.ts';

export interface AcquireOptions {
  readonly ttl?: string;
  readonly wait?: string;
  readonly priority?: string;
  readonly holder?: string;
  readonly key?: string;
}

interface TokenOptions {
  readonly token?: string;
  readonly leaseTokenFile?: string;
}
export type RenewOptions = TokenOptions & { readonly ttl?: string };
export type ReleaseOptions = TokenOptions & { readonly engineFailed?: boolean };

/** Throws UsageError. */
export function wishOf({ ttl, wait, priority, holder, key }: AcquireOptions): AcquireOrder {
  return {
    ttlMs: durationMs(ttl, '--ttl'),
    waitMs: durationMs(wait, '--wait'),
    priority: priority === undefined ? null : wholeNumber(priority, { what: '--priority', from: 0, to: 9 }),
    holder: holder ?? actor(),
    key: key ?? null,
  };
}

export async function acquire(session: Session, name: string, options: AcquireOptions): Promise<number> {
  const { out, clock } = session;
  const [pool, wish, end] = [wholePool(name), wishOf(options), ending()];
  try {
    const lease = await whenGranted(session, { pool, wish, signal: end.signal });
    if (lease === null) return end.code ?? EXIT.failed;
    if (out.json) out.value(lease);
    else out.lines(grantedLines(lease, clock.wallMs()));
    return EXIT.done;
  } finally {
    end.leave();
  }
}

function grantedLines({ id, engine, slot, token, ttlMs, draining, deadlineAt }: Granted, wallMs: number): readonly string[] {
  return [
    `lease   ${id}`,
    `token   ${token}`,
    `engine  ${engine.id}#${engine.generation}, slot ${slot}`,
    `url     ${harmless(engine.url ?? '-')}`,
    `ttl     ${span(ttlMs)}: poolctl lease renew ${id} begins it anew`,
    ...(draining ? [`drains  it is taken away ${deadlineAt === null ? 'soon' : relative(deadlineAt, wallMs)}`] : []),
  ];
}

export async function renew({ leases, out, clock }: Session, id: string, options: RenewOptions): Promise<ExitCode> {
  const token = tokenOf(id, options);
  if (token === null) throw new UsageError(`cannot renew ${id} without its token: write --token TOKEN or --lease-token-file FILE`);
  const renewed = await leases.renew(id, { token, ttlMs: durationMs(options.ttl, '--ttl') });
  if (out.json) out.value(renewed);
  else {
    const { expiresAt, draining, deadlineAt } = renewed;
    const drains = draining
      ? `; its engine is drained, ${deadlineAt === null ? 'soon' : relative(deadlineAt, clock.wallMs())} it is taken away`
      : '';
    out.lines([`lease ${id}: renewed${expiresAt === null ? '' : `, expires ${relative(expiresAt, clock.wallMs())}`}${drains}`]);
  }
  return EXIT.done;
}

export async function release({ leases, out }: Session, id: string, options: ReleaseOptions): Promise<ExitCode> {
  const released = await leases.release(id, { token: tokenOf(id, options), outcome: options.engineFailed ? 'engine_failed' : null });
  if (out.json) out.value(released);
  else out.lines([`lease ${id}: ${released.outcome === 'released' ? 'released' : 'it had ended already, nothing to do'}`]);
  return EXIT.done;
}

export async function revoke({ leases, out }: Session, id: string, { reason }: { readonly reason?: string }): Promise<ExitCode> {
  const lease = await leases.revoke(id, reason ?? null);
  if (out.json) out.value(lease);
  else out.lines([`lease ${id}: revoked; ${harmless(lease.holder)} held it on ${lease.engine.id} for ${span(lease.heldMs)}`]);
  return EXIT.done;
}

/** As given; else the environment's, where this is the lease that it speaks of, as under `lease exec`. Throws UsageError. */
function tokenOf(id: string, { token, leaseTokenFile }: TokenOptions): string | null {
  if (token !== undefined && leaseTokenFile !== undefined)
    throw new UsageError('cannot take both: write either --token or --lease-token-file');
  if (token !== undefined) return token;
  if (leaseTokenFile !== undefined) return fileToken(leaseTokenFile);
  const { POOLD_LEASE_ID, POOLD_LEASE_TOKEN } = process.env;
  return POOLD_LEASE_TOKEN && (POOLD_LEASE_ID === undefined || POOLD_LEASE_ID === id) ? POOLD_LEASE_TOKEN : null;
}

function fileToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new UsageError(`cannot read the token file ${file}: ${(cause as NodeJS.ErrnoException).code ?? 'unknown error'}`, { cause });
  }
}
