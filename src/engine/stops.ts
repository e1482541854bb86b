/** How an engine is told to end: by its stop command or signal, with all that is left of its tree, or by KILL. No policy: every call is one order. */
import type { Living } from '../pool/room.ts';
import type { Complaints } from './complaints.ts';
import { thawTree } from './freeze.ts';
import { stopCommand } from './hooks.ts';
import type { EngineRef, Identity } from './identity.ts';
import type { PlanHost } from './plan.ts';
import type { Tree } from './tree.ts';

export interface StopsParts {
  readonly host: PlanHost;
  readonly tree: Tree;
  readonly complaints: Complaints;
  readonly instance: (ref: EngineRef) => string;
}

export class Stops {
  readonly #parts: StopsParts;

  constructor(parts: StopsParts) {
    this.#parts = parts;
  }

  signal(identity: Identity, ref: EngineRef, signal: string): void {
    const { tree, complaints } = this.#parts;
    complaints.tried(ref, `send ${signal} to`, () => tree.signal(identity, signal as NodeJS.Signals));
  }

  /** The signal comes also where the command fails. */
  terminate(living: Living): void {
    const { host, tree, complaints, instance } = this.#parts;
    const { spec, identity, ref } = living;
    const bySignal = (): void => complaints.tried(ref, 'stop', () => tree.terminate(identity, spec.engine.stopSignal as NodeJS.Signals));
    if (spec.stop.command === null) return bySignal();
    stopCommand(host, living, { instance: instance(ref), command: spec.stop.command })
      .then((problem) => {
        if (problem === null) return;
        complaints.warn(ref, `its stop command ${problem}: it gets ${spec.engine.stopSignal} instead`);
        bySignal();
      })
      .catch(complaints.of(ref, 'stop'));
  }

  terminateRest({ ref, identity }: Living): void {
    const { tree, complaints } = this.#parts;
    tree.terminateRest(identity).catch(complaints.of(ref, 'stop what is left of'));
  }

  kill({ ref, identity }: Living): void {
    const { tree, complaints } = this.#parts;
    tree.kill(identity).catch(complaints.of(ref, 'kill'));
  }

  /** What stands still could not hear that it is to end. */
  thaw({ ref, identity }: { readonly ref: EngineRef; readonly identity: Identity }): void {
    const { tree, complaints } = this.#parts;
    thawTree(tree, identity).catch(complaints.of(ref, 'thaw'));
  }
}
