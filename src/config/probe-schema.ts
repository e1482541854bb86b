/** The schema of probes. A probe may be written in parts over kind, `defaults` and pool, so that it is whole is checked after merging. */
import { z } from 'zod';
import { argv, duration, int, key, mapOf, needs, orNone, pattern, text, word } from './scalars.ts';

/** The ways to ask; a probe has exactly one of them. */
export const ACTIONS = ['httpGet', 'tcpSocket', 'exec', 'logLine', 'notify'] as const;

const PORT_NEED = 'a port from 1 to 65535 or a text with a template';

const port = z
  .union(
    [
      z.int(needs(PORT_NEED)).min(1, needs(PORT_NEED)).max(65_535, needs(PORT_NEED)),
      z.string(needs(PORT_NEED)).regex(/^(?:\d{1,5}|.{0,100}\$\{.{1,100})$/, needs(PORT_NEED)),
    ],
    needs(PORT_NEED),
  )
  .transform(String);

const httpGet = z.strictObject(
  {
    path: key(
      word.regex(/^(?:\/|\$\{)/, needs('a path that begins with /')),
      'Path with query, begins with /. Templates. Default: / (progress and inUse: /metrics).',
    ),
    port: key(port, 'Port to ask. Templates. Default: the port of the engine.'),
    headers: key(
      mapOf(/^[A-Za-z0-9-]{1,100}$/, 'a header name of letters, digits and dashes', text.regex(/^[^\r\n]*$/, needs('text on one line'))),
      'Header name to value. Templates.',
    ),
  },
  needs('a map with path, port, headers'),
);

const actions = {
  httpGet: key(httpGet, 'GET over HTTP/1.1; 2xx and 3xx are good, redirects are not followed.'),
  tcpSocket: key(
    z.strictObject({ port: key(port, 'Port to connect to. Templates. Default: the port of the engine.') }, needs('a map with port')),
    'Connects and closes; good when the connection stands.',
  ),
  exec: key(
    z.strictObject({ command: key(argv, 'An argv, never a shell line. Templates.') }, needs('a map with command')),
    'Runs a program beside the engine; exit code 0 is good.',
  ),
};

const timing = {
  period: key(
    duration(1),
    'Time from one question to the next. Default: 500ms for startup, 10s for readiness and liveness, 5s for progress, 2s for inUse.',
  ),
  timeout: key(duration(1), 'Limit of one question, connect and body included. Default: 1s.'),
};

const startup = z
  .strictObject(
    {
      ...actions,
      logLine: key(
        z.strictObject({ pattern: key(pattern, 'Regular expression.') }, needs('a map with pattern')),
        'Good when the engine has logged a line that matches.',
      ),
      notify: key(z.strictObject({}, needs('an empty map, {}')), 'Good when the engine has sent READY=1 to NOTIFY_SOCKET: notify: {}'),
      ...timing,
    },
    needs('a probe'),
  )
  .superRefine(oneAction);

const health = z
  .strictObject(
    {
      ...actions,
      ...timing,
      successThreshold: key(int(1, 1_000), 'Good answers in a row that make it good. Default: 1.'),
      failureThreshold: key(int(1, 1_000), 'Bad answers in a row that make it bad. Default: 3.'),
    },
    needs('a probe'),
  )
  .superRefine(oneAction);

const metric = word.regex(/^[A-Za-z_:][A-Za-z0-9_:]{0,200}$/, needs('the name of a metric'));
const metricsPage = key(httpGet, 'Where the engine shows its metrics, in the text format of Prometheus.');

const progress = z.strictObject(
  {
    httpGet: metricsPage,
    ...timing,
    busy: key(metric, 'Gauge that is above 0 while the engine works.'),
    counter: key(metric, 'Counter that rises while the engine gets on with its work.'),
    stall: key(duration(1), 'Busy and the counter unchanged for this long: unready; twice as long: unhealthy. Default: 90s.'),
  },
  needs('a probe'),
);

/** No probe of health: it tells who uses the engine, not how it is. */
export const inUseSchema = z.strictObject(
  {
    httpGet: metricsPage,
    ...timing,
    gauge: key(metric, 'Gauge that tells how many use the engine; summed over its labels.'),
  },
  needs('a map with httpGet, gauge, period, timeout'),
);

export const probesSchema = z.strictObject(
  {
    startup: key(
      orNone(startup, 'a probe'),
      'Asks until the engine has started; startTimeout is its only limit. `none`: without, whatever the kind says.',
    ),
    readiness: key(orNone(health, 'a probe'), 'Whether a started engine is ready to be used. `none`: without.'),
    liveness: key(orNone(health, 'a probe'), 'Whether the engine has to be restarted as unhealthy. `none`: without.'),
    progress: key(orNone(progress, 'a probe'), 'Whether a busy engine gets on with its work. `none`: without.'),
  },
  needs('a map with startup, readiness, liveness, progress'),
);

function oneAction(probe: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  const found = ACTIONS.filter((action) => probe[action] !== undefined);
  if (found.length > 1) {
    context.addIssue({
      code: 'custom',
      path: [found[1] ?? ''],
      message: `cannot use ${found.join(' and ')} together: a probe asks in one way`,
    });
  }
}
