/** Who may do what: each role may also do what those before it may. */
export const ROLES = ['read', 'lease', 'operate', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What a route asks for; `open` routes answer anybody whom the listener lets in. */
export type Access = Role | 'open';

/** Deny by default: an unknown role is below all others. */
export function allows(role: Role | null, access: Access): boolean {
  if (access === 'open') return true;
  return role !== null && ROLES.indexOf(role) >= ROLES.indexOf(access);
}
