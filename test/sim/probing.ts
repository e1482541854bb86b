/** The probes of one engine as an honest adapter runs them: one loop per kind, never two of a kind in flight. */
import type { PoolSpec } from '../../src/config/spec.ts';
import type { EngineRef } from '../../src/engine/identity.ts';
import { engineId } from '../../src/engine/identity.ts';
import type { ProbeResult } from '../../src/engine/samples-state.ts';
import type { Ground } from './ground.ts';
import type { Nature } from './nature.ts';
import type { Process } from './processes.ts';

type Phase = 'starting' | 'serving';

export interface Probing {
  readonly ref: EngineRef;
  readonly phase: Phase;
  stopped: boolean;
  /** Once more, beside the loop. */
  askInUse(): void;
}

export interface ProbeLoop {
  readonly ground: Ground;
  readonly nature: Nature;
  readonly ref: EngineRef;
  readonly phase: Phase;
  readonly probes: PoolSpec['probes'] & Pick<PoolSpec, 'inUse'>;
  readonly process: Process;
  readonly answered: (result: ProbeResult) => void;
}

type Kind = ProbeResult['kind'];

const KINDS: Readonly<Record<Phase, readonly Kind[]>> = {
  starting: ['startup', 'readiness'],
  serving: ['readiness', 'liveness', 'progress', 'inUse'],
};

export function probe(loop: ProbeLoop): Probing {
  const { ref, phase, ground, nature, process, answered } = loop;
  const owner = engineId(ref);
  const probing: Probing = {
    ref,
    phase,
    stopped: false,
    askInUse: () => {
      ground.after(nature.delayMs('probed', owner), () => {
        if (!probing.stopped) answered(asked(process, 'inUse', ground));
      });
    },
  };
  for (const kind of KINDS[phase]) if (loop.probes[kind] !== null) again(loop, probing, { kind, owner, waitMs: 0, results: 1 });
  return probing;
}

function again(
  loop: ProbeLoop,
  probing: Probing,
  { kind, owner, waitMs, results }: { readonly kind: Kind; readonly owner: string; readonly waitMs: number; readonly results: number },
): void {
  const { ground, nature, probes } = loop;
  const periodMs = probes[kind]?.periodMs ?? 0;
  ground.after(waitMs + nature.delayMs('probed', owner), () => {
    if (probing.stopped) return;
    const result = asked(loop.process, kind, ground);
    loop.answered(result);
    if (!probing.stopped && !(kind === 'startup' && result.ok)) {
      again(loop, probing, { kind, owner, waitMs: nature.gapMs({ periodMs, owner, results }), results: results + 1 });
    }
  });
}

function asked(process: Process, kind: Kind, ground: Ground): ProbeResult {
  const { traits } = process;
  const { calm } = ground.processes;
  const agedMs = ground.nowMs - process.startedMs;
  const hangs = !calm && (process.hangs || agedMs >= traits.hangsAfterMs);
  const answers = process.mainLives && !hangs && (calm || agedMs >= traits.readyAfterMs);
  if (!answers) return { kind, ok: false, message: 'no answer' };
  if (kind === 'progress') {
    const stalls = !calm && agedMs >= traits.stallsAfterMs;
    return { kind, ok: true, message: 'counted', busy: 1, counter: stalls ? 7 : Math.round(ground.nowMs) };
  }
  if (kind === 'inUse') return { kind, ok: true, message: 'counted', busy: calm ? 0 : Math.floor(agedMs / 4_000) % 3 };
  const { unready } = traits;
  const busy = !calm && kind === 'readiness' && unready !== null && agedMs >= unready.fromMs && agedMs < unready.toMs;
  return busy ? { kind, ok: false, message: '503 loading' } : { kind, ok: true, message: '200 ok' };
}
