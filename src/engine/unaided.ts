/** execa without what it would do for a program that ends with us: ours outlive the daemon, and are read, reaped and ended by rules of our own. */
export const UNAIDED = {
  extendEnv: false,
  preferLocal: false,
  buffer: false,
  reject: false,
  detached: true,
  cleanup: false,
  forceKillAfterDelay: false,
} as const;
