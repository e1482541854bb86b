/** Whose announcements count, and where: `handoff` of the configuration made ready to be looked at. */
import { resolve } from 'node:path';
import type { DaemonSpec } from '../../config/spec.ts';
import { findUser } from '../users.ts';
import type { ExternalsOptions } from './externals.ts';
import { Externals } from './externals.ts';

export interface OpenExternals extends Omit<ExternalsOptions, 'directory' | 'owners'> {
  readonly handoff: DaemonSpec['handoff'];
  /** Where poold's own handoff files lie: they are nobody else's. */
  readonly ownDirectory: string;
}

/** Null where the configuration asks for none. What stands in the directory already is known when it resolves. */
export async function openExternals({ handoff, ownDirectory, ...rest }: OpenExternals): Promise<Externals | null> {
  const { external: directory, allowUsers } = handoff;
  if (directory === null) return null;
  if (resolve(directory) === resolve(ownDirectory)) {
    rest.warn({ directory }, `cannot take external engines from ${directory}: poold's own handoff files lie there; name another directory`);
    return null;
  }
  const owners = new Set([0, process.geteuid?.() ?? 0]);
  for (const name of allowUsers) {
    const user = await findUser(rest.clock, name);
    if (user === null)
      rest.warn({ user: name }, `cannot allow ${name} to announce engines: there is no such user; make it and start poold again`);
    else owners.add(user.uid);
  }
  const externals = new Externals({ ...rest, directory, owners });
  await externals.open();
  return externals;
}
