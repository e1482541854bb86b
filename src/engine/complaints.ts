/** What went wrong beside a decision: it is told, and everything goes on. */
import type { EngineRef } from './identity.ts';
import { engineId } from './identity.ts';

export type Warn = (facts: Readonly<Record<string, unknown>>, message: string) => void;

export class Complaints {
  readonly #warn: Warn;

  constructor(warn: Warn) {
    this.#warn = warn;
  }

  warn(ref: EngineRef, message: string): void {
    this.#warn({ engine: engineId(ref) }, message);
  }

  /** For what may fail later: `cannot WHAT chat/0: why`. */
  of(ref: EngineRef, what: string): (error: Error) => void {
    return (error) => this.#warn({ engine: engineId(ref), err: error }, `cannot ${what} ${engineId(ref)}: ${error.message}`);
  }

  tried(ref: EngineRef, what: string, act: () => unknown): void {
    try {
      act();
    } catch (error) {
      this.of(ref, what)(error as Error);
    }
  }
}
