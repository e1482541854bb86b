/** What one probe found out. `message` says it in a sentence, for people. */
export interface ProbeOutcome {
  readonly ok: boolean;
  readonly message: string;
  /** Nobody listens there: the cheapest answer there is, so it may be asked again soon. */
  readonly refused?: boolean;
}

/** Where a probe goes. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** `[::1]:80` */
export function targetText(target: Target): string {
  return `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
}
