/**
 * The schema of the whole configuration: what may be written, in which form, with a description for each key. Pure. What belongs together
 * over several keys is in `rules.ts`, what a key means when it is missing in `kinds.ts`.
 *
 * A key of the config with nothing behind it (`probes:`, null) counts as not written; in maps with free keys (`env`, `vars`) it is an error.
 */
import { z } from 'zod';
import { hostName, poolSchema, portNumber, portRange } from './pool-schema.ts';
import { int, key, needs, oneOf, word } from './scalars.ts';

/** `^[a-z0-9][a-z0-9-]{0,62}$`: what a pool may be called. */
export const POOL_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
export const POOL_NAME_NEED = 'a pool name of 1 to 63 small letters, digits and dashes, no dash first,';

const groupName = word.regex(/^(?:[a-z_][a-z0-9_.-]{0,31}|\d{1,10})$/, needs('a group name or id'));

const socket = z.strictObject(
  {
    mode: key(
      z.string(needs('an octal mode in quotes like "0660"')).regex(/^0?[0-7]{3}$/, needs('an octal mode in quotes like "0660"')),
      'Mode of api.sock. Default: "0660".',
    ),
    group: key(groupName, 'Group of api.sock. Default: poold-admin if there is one, else that of the daemon.'),
    leaseGroup: key(groupName, 'Group of lease.sock. Default: poold if there is one, else that of the daemon.'),
  },
  needs('a map with mode, group, leaseGroup'),
);

const tcp = z.strictObject(
  {
    host: key(hostName, 'Address to listen on. Default: 127.0.0.1; beyond loopback only with tls.'),
    port: key(portNumber, 'Port to listen on; needed.'),
    tokensFile: key(word, 'File with the hashed tokens (`poold token new`); needed.'),
    hosts: key(
      z.array(hostName, needs('a list of host names')).max(100, needs('at most 100 host names')),
      'Names that clients may use in the Host header, beside localhost and the address.',
    ),
    tls: key(
      z.strictObject(
        { cert: word.describe('Certificate chain, PEM.'), key: word.describe('Private key, PEM.') },
        needs('a map with cert and key'),
      ),
      'Certificate and key.',
    ),
  },
  needs('a map with host, port, tokensFile, hosts, tls'),
);

const metrics = z.strictObject(
  { host: key(hostName, 'Address to listen on. Default: 127.0.0.1.'), port: key(portNumber, 'Port to listen on; needed.') },
  needs('a map with host and port'),
);

const daemonKeys = {
  listen: key(
    z.strictObject(
      {
        socket: key(socket, 'The Unix sockets of the API, always on.'),
        tcp: key(tcp, 'The API over TCP. Default: off.'),
        metrics: key(metrics, '/metrics and /health without a token. Default: off.'),
      },
      needs('a map with socket, tcp, metrics'),
    ),
    'Where the daemon listens.',
  ),
  log: key(
    z.strictObject(
      { level: key(oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']), 'Least level that is logged. Default: info.') },
      needs('a map with level'),
    ),
    "The daemon's own log.",
  ),
  ports: key(portRange, 'Ports for engines with `port: auto`, both ends included. Default: [20000, 29999].'),
  starts: key(
    z.strictObject(
      {
        perDevice: key(
          z.union([z.literal('unlimited'), int(1, 1_000)], needs('a whole number from 1 or unlimited')),
          'Engines that may load on one device at a time. Default: 1.',
        ),
      },
      needs('a map with perDevice'),
    ),
    'How many engines start at a time.',
  ),
  handoff: key(
    z.strictObject(
      {
        external: key(word, 'Directory in which other programs announce engines of theirs. Default: off.'),
        allowUsers: key(
          z.array(word, needs('a list of user names')).max(100, needs('at most 100 user names')),
          'Owners whose announcements count, beside the daemon and root.',
        ),
      },
      needs('a map with external and allowUsers'),
    ),
    'Engines of other programs.',
  ),
};

/** All of the file but its pools. */
export const daemonSchema = z.strictObject(daemonKeys, needs('a map'));
export type DaemonInput = z.output<typeof daemonSchema>;

export const configSchema = z.strictObject(
  {
    ...daemonKeys,
    defaults: key(poolSchema, 'Any key of a pool; for all pools that do not say otherwise.'),
    pools: key(z.record(z.string().regex(POOL_NAME, needs(POOL_NAME_NEED)), poolSchema, needs('a map of pools')), 'Pools by name.'),
  },
  needs('a map'),
);

/** JSON Schema (draft 2020-12) of the file as it is written: what `poold schema` prints. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema, { io: 'input' });
  return { ...schema, title: 'Configuration of poold' };
}
