/** Runs each pool's `prepare` once per spec: at most two at a time on the host, and the replicas that ask meanwhile share the run. */
import { createHash } from 'node:crypto';
import type { EngineSpec, PoolSpec } from '../config/spec.ts';
import { expandAll } from './environment.ts';
import { runCommand } from './exec.ts';
import type { PlanHost } from './plan.ts';
import { planEngine } from './plan.ts';
import { outcome } from './preflight.ts';

const AT_A_TIME = 2;
/** How much of the end of its output goes into the message of a failure. */
const TAIL_BYTES = 2048;

export interface PrepareOrder {
  readonly spec: PoolSpec;
  /** Marks its processes, like an engine's. */
  readonly instance: string;
}

export class Preparations {
  readonly #host: PlanHost;
  /** Pool → the last spec that was prepared, or is about to be. A failure is forgotten, so the next start tries again. */
  readonly #runs = new Map<string, { readonly hash: string; readonly result: Promise<string | null> }>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(host: PlanHost) {
    this.#host = host;
  }

  /** Null when prepared (now or before), else why not: `prepare_failed`. Never throws. */
  prepare(order: PrepareOrder): Promise<string | null> {
    const { spec } = order;
    if (spec.engine.prepare === null) return Promise.resolve(null);
    const hash = hashOf(spec.engine);
    const known = this.#runs.get(spec.name);
    if (known?.hash === hash) return known.result;
    const result = this.#inTurn(() => this.#run(order));
    this.#runs.set(spec.name, { hash, result });
    result.then(
      (failure) => {
        if (failure !== null && this.#runs.get(spec.name)?.hash === hash) this.#runs.delete(spec.name);
      },
      () => {},
    );
    return result;
  }

  async #inTurn<T>(run: () => Promise<T>): Promise<T> {
    if (this.#running >= AT_A_TIME) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      return await run();
    } finally {
      // The place goes straight to the next in line, or is free.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  async #run({ spec, instance }: PrepareOrder): Promise<string | null> {
    if (spec.engine.prepare === null) return null;
    const ref = { pool: spec.name, replica: 0, generation: 0 };
    const plan = await planEngine(this.#host, { ref, side: 'a', instance, spec, port: null, device: null });
    if (plan.is === 'failed') return plan.message;
    const { env, cwd, user, values } = plan;
    const { command, timeoutMs } = spec.engine.prepare;
    const result = await runCommand(this.#host.clock, {
      argv: expandAll(command, values),
      env,
      cwd,
      user,
      timeoutMs,
      outputBytes: TAIL_BYTES,
    });
    return result.code === 0 ? null : `cannot prepare ${spec.name}: its prepare command ${outcome(result, timeoutMs)}`;
  }
}

/** Only what prepare can see of a spec: a changed limit fetches no model anew. */
function hashOf(engine: EngineSpec): string {
  const { prepare, version, vars, env, envFrom, workingDirectory, user } = engine;
  return createHash('sha256')
    .update(JSON.stringify([prepare, version, vars, env, envFrom, workingDirectory, user]))
    .digest('hex');
}
