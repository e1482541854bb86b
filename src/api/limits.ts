/** Every bound of the HTTP side, in one place. Node's own defaults are too lax for a control socket. */
export const LIMITS = {
  headerBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  bodyBytes: 1024 * 1024,
  requestTimeoutMs: 30_000,
  jsonDepth: 64,
  keepAliveTimeoutMs: 15_000,
  connections: 1024,
  /** How long a finished answer, or one piece of a stream, may lie unread before the client is cut. */
  unreadMs: 30_000,
  /** How long whoever is refused in the middle of a request may go on sending, so that the answer reaches him. */
  lingerMs: 1_000,
  heartbeatMs: 15_000,
  waitMs: 600_000,
  /** Of a place in a queue: it costs nothing but the place, and whoever does not ask for it has left it. */
  ticketMs: 24 * 3_600_000,
  reasonChars: 500,
  actorChars: 128,
  holderChars: 128,
  leaseTokenChars: 128,
  idempotencyKeyChars: 128,
  ttlFromMs: 100,
  deadlineMs: 30 * 24 * 3_600_000,
  variables: 100,
  variableChars: 32_768,
  versionChars: 4_096,
  historyEntries: 1_000,
  logTailLines: 100_000,
  problemsShown: 5,
  failedLogins: 10,
  failedLoginsWindowMs: 60_000,
  /** Peers whose failed logins are remembered; the oldest is forgotten first. */
  failedLoginPeers: 1_000,
  tokensFileBytes: 256 * 1024,
} as const;
