/** Counts as a sentence says them. Pure. */

/** `1 lease`, `2 leases`. */
export function counted(count: number, what: string, several = `${what}s`): string {
  return `${count} ${count === 1 ? what : several}`;
}

/** `1 lease is`, `2 leases are`. */
export function areCounted(count: number, what: string): string {
  return `${counted(count, what)} ${count === 1 ? 'is' : 'are'}`;
}
