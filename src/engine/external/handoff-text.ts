/**
 * What a handoff file of somebody else says: the JSON that poold itself writes for its own engines (contract.md, "Processes and paths"), of which
 * `pool` and `url` have to be there. Everything in it is a stranger's word: keys that nobody asked for are never looked at.
 */
import { isLoopback } from '../../config/host-rules.ts';

export interface ExternalHandoff {
  readonly pool: string;
  /** Origin and path, without a slash at the end. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** As it says; nothing is ever done to that process. */
  readonly pid: number | null;
  readonly version: string | null;
  readonly device: string | null;
}

const POOL_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const MAX_WORD = 200;
const MAX_URL = 2_048;
const MAX_PID = 2 ** 22;

/** Throws an Error that says in half a sentence what is wrong with it. */
export function parseHandoff(text: string): ExternalHandoff {
  const data = objectIn(text);
  const pool = own(data, 'pool');
  if (typeof pool !== 'string' || !POOL_NAME.test(pool)) throw new Error('its "pool" is no name of a pool');
  const devices = own(data, 'devices');
  return {
    pool,
    ...addressIn(own(data, 'url')),
    pid: pidIn(own(data, 'pid')),
    version: wordIn('version', own(data, 'version')),
    device: wordIn('devices', Array.isArray(devices) ? devices.join(',') : devices),
  };
}

function objectIn(text: string): object {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Error('it is not JSON');
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) throw new Error('it is not a JSON object');
  return data;
}

/** Only what stands in the text itself; what is not there is null. */
function own(data: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(data, key)?.value ?? null;
}

function addressIn(value: unknown): Pick<ExternalHandoff, 'url' | 'host' | 'port' | 'tls'> {
  const url = typeof value === 'string' && value.length <= MAX_URL ? URL.parse(value) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw new Error('its "url" is no http or https URL');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (!isLoopback(host)) throw new Error('its "url" is not on loopback (127.0.0.1, ::1 or localhost)');
  if (url.username !== '' || url.password !== '') throw new Error('its "url" holds a user or password, and would be shown to everybody');
  const tls = url.protocol === 'https:';
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port);
  if (port === 0) throw new Error('its "url" has port 0');
  return { url: `${url.origin}${url.pathname.replace(/\/+$/, '')}`, host, port, tls };
}

function pidIn(value: unknown): number | null {
  if (value === null) return null;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MAX_PID) throw new Error('its "pid" is no pid');
  return value;
}

function wordIn(key: string, value: unknown): string | null {
  if (value === null) return null;
  const plain = typeof value === 'string' && value.length <= MAX_WORD && !/\p{Cc}/u.test(value);
  if (!plain) throw new Error(`its "${key}" is no plain text of at most ${MAX_WORD} characters`);
  return value;
}
