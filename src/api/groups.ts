import { readFileSync } from 'node:fs';

/** The id of a group by name or number, or null where `/etc/group` has none of that name. */
export function groupId(name: string, file = '/etc/group'): number | null {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [group, , id] = line.split(':');
    if (group === name && id !== undefined && /^\d+$/.test(id)) return Number(id);
  }
  return null;
}
