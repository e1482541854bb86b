/** Signals that ask poolctl to end, for verbs that have something to put in order first. */
import { constants } from 'node:os';

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
type Ending = (typeof ENDING)[number];

export interface EndAsked {
  /** Aborted by the first of them. */
  readonly signal: AbortSignal;
  /** 128 + n of the first, null before. */
  readonly code: number | null;
  /** From now on they end poolctl again. */
  leave(): void;
}

/** `heard` gets every one of them, the first included. */
export function ending(heard: (name: Ending) => void = () => {}): EndAsked {
  const asked = new AbortController();
  let code: number | null = null;
  const handlers = ENDING.map((name) => {
    const handler = (): void => {
      code ??= exitOfSignal(name);
      asked.abort();
      heard(name);
    };
    process.on(name, handler);
    return () => process.removeListener(name, handler);
  });
  return {
    signal: asked.signal,
    get code() {
      return code;
    },
    leave: () => {
      for (const remove of handlers) remove();
    },
  };
}

/** As a shell says it. */
export function exitOfSignal(name: NodeJS.Signals): number {
  return 128 + constants.signals[name];
}
