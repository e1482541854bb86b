/** The probes of all generations that have a process: begun when first asked for, ended with the generation. No policy: every call is one order. */
import type { Clock } from '../clock.ts';
import type { Living } from '../pool/room.ts';
import type { Complaints } from './complaints.ts';
import type { EngineLogs } from './engine-logs.ts';
import type { EngineRef } from './identity.ts';
import type { NotifySockets } from './notify/notify-sockets.ts';
import type { PlanHost } from './plan.ts';
import type { ProbeWatch } from './probes/runner.ts';
import { startProbes } from './probing.ts';
import type { Resident, Residents } from './residents.ts';
import type { ProbeResult } from './samples-state.ts';
import type { Tree } from './tree.ts';

export interface EngineProbesParts {
  readonly clock: Clock;
  readonly host: PlanHost;
  readonly tree: Tree;
  readonly logs: EngineLogs;
  readonly notify: NotifySockets;
  readonly residents: Residents;
  readonly complaints: Complaints;
  readonly instance: (ref: EngineRef) => string;
  readonly failed: (ref: EngineRef, probe: ProbeResult['kind']) => void;
}

export class EngineProbes {
  readonly #parts: EngineProbesParts;

  constructor(parts: EngineProbesParts) {
    this.#parts = parts;
  }

  start(living: Living, phase: 'starting' | 'serving', report: (result: ProbeResult) => void): void {
    const { residents, complaints } = this.#parts;
    const resident = residents.of(living.ref);
    if (resident === undefined) return;
    resident.probes ??= this.#begun(living, resident, report);
    resident.probes.then((probes) => probes.setPhase(phase)).catch(complaints.of(living.ref, 'probe'));
  }

  askInUse(ref: EngineRef): void {
    this.#tell(ref, (probes) => probes.askInUse());
  }

  stop(ref: EngineRef): void {
    this.#tell(ref, (probes) => probes.stop());
  }

  async stopAll(): Promise<void> {
    for (const resident of this.#parts.residents.all()) (await resident.probes?.catch(() => null))?.stop();
  }

  /** Where they could not be begun, that has been told. */
  #tell(ref: EngineRef, order: (probes: ProbeWatch) => void): void {
    this.#parts.residents.of(ref)?.probes?.then(order, () => {});
  }

  async #begun(living: Living, resident: Resident, report: (result: ProbeResult) => void): Promise<ProbeWatch> {
    const { clock, host, tree, logs, notify, residents, failed } = this.#parts;
    const { ref, side, spec } = living;
    const instance = this.#parts.instance(ref);
    const log = await logs.of(spec, { replica: ref.replica, side });
    const probes = await startProbes({ clock, host, tree, log, notify, living, instance }, (result) => {
      if (!result.ok) failed(ref, result.kind);
      report(result);
    });
    // It was released while its socket was being bound.
    if (residents.of(ref) !== resident) notify.remove(instance);
    return probes;
  }
}
