/** Where an engine is reached. Pure. */
import type { PoolSpec } from '../config/spec.ts';
import { expand } from '../config/template.ts';

export interface Placed {
  readonly spec: PoolSpec;
  readonly ref: { readonly pool: string; readonly replica: number; readonly generation: number };
  readonly port: number | null;
  readonly device: string | null;
}

/** What `${…}` names stand for; a port or device that an engine has not got is an empty word. */
export function templateValues({ ref, spec, port, device }: Placed): Readonly<Record<string, string>> {
  const values: Record<string, string> = {
    port: port === null ? '' : String(port),
    host: spec.engine.host,
    slots: String(spec.slots),
    devices: device ?? '',
    pool: ref.pool,
    replica: String(ref.replica),
    generation: String(ref.generation),
  };
  for (const [name, value] of Object.entries(spec.engine.vars)) values[`vars.${name}`] = value;
  return values;
}

/** `advertise` where the file has one, else its own host and port; null for an engine without a port. */
export function engineUrl(placed: Placed): string | null {
  const { spec, port } = placed;
  if (spec.engine.advertise !== null) return expand(spec.engine.advertise, templateValues(placed));
  const host = spec.engine.host.includes(':') ? `[${spec.engine.host}]` : spec.engine.host;
  return port === null ? null : `http://${host}:${port}`;
}
