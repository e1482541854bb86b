/** Who `user:` is. Node has no getpwnam: /etc/passwd is read, and getent asked about users that live elsewhere (LDAP, systemd). */
import { readFileSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import { runCommand } from './exec.ts';
import type { User } from './surroundings.ts';

const ASK_TIMEOUT_MS = 5_000;

/** Null when there is no such user. */
export async function findUser(clock: Clock, name: string): Promise<User | null> {
  const local = userIn(readFileSync('/etc/passwd', 'utf8'), name);
  if (local !== null) return local;
  const env = { PATH: '/usr/bin:/bin' };
  const asked = await runCommand(clock, { argv: ['getent', 'passwd', '--', name], env, cwd: '/', user: null, timeoutMs: ASK_TIMEOUT_MS });
  return userIn(asked.output, name);
}

function userIn(passwd: string, name: string): User | null {
  for (const line of passwd.split('\n')) {
    const [found, , uid, gid, , home] = line.split(':');
    if (found === name && uid !== undefined && gid !== undefined) return { name, uid: Number(uid), gid: Number(gid), home: home ?? '/' };
  }
  return null;
}
