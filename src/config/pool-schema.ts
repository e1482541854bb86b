/** The schema of one pool, and of `defaults`: every key may be missing, as kind, `defaults` and pool are merged before anything is required. */
import { z } from 'zod';
import { inUseSchema, probesSchema } from './probe-schema.ts';
import { argv, bool, duration, int, key, mapOf, needs, number, oneOf, orNone, pattern, size, text, wholePattern, word } from './scalars.ts';
import { drainSchema, leasesSchema, queueSchema, reloadSchema } from './use-schema.ts';

/** What a stop may begin with: the catchable ones and KILL. STOP would only freeze the engine. */
export const STOP_SIGNALS = [
  'SIGTERM',
  'SIGINT',
  'SIGQUIT',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGABRT',
  'SIGALRM',
  'SIGPWR',
  'SIGKILL',
] as const;

const CLASS = /^[a-z][a-z0-9_]{0,62}$/;
const CLASS_NEED = 'a crash class like gpu_oom';
const DEVICE = /^(?:\d{1,3}|GPU-[\w-]{1,60}|MIG-[\w/-]{1,100})(?:,(?:\d{1,3}|GPU-[\w-]{1,60}|MIG-[\w/-]{1,100})){0,63}$/;
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|[0-9A-Fa-f:.]{2,45})$/;

const portNeed = needs('auto, a port from 1 to 65535 or a range [from, to]');
export const portNumber = z
  .int(needs('a port from 1 to 65535'))
  .min(1, needs('a port from 1 to 65535'))
  .max(65_535, needs('a port from 1 to 65535'));
export const portRange = z
  .tuple([portNumber, portNumber], needs('a range of ports [from, to]'))
  .refine(([from, to]) => from <= to, needs('a range of ports [from, to], the lower one first,'));
export const hostName = word.regex(HOST, needs('a host name or an address'));

function hook(timeout: string) {
  return orNone(
    z.strictObject(
      {
        command: key(argv, 'An argv, never a shell line. Templates.'),
        timeout: key(duration(1), `Limit of the command. Default: ${timeout}.`),
      },
      needs('a map with command and timeout'),
    ),
    'a map with command and timeout',
  );
}

const limits = z.strictObject(
  {
    memory: key(size(2 ** 20, '1MiB'), 'Most memory of the whole process tree (memory.max).'),
    pids: key(int(1, 4_194_304), 'Most processes and threads of the tree (pids.max).'),
    openFiles: key(z.union([z.literal('unlimited'), int(16, 2 ** 30)], needs('a whole number from 16 or unlimited')), 'RLIMIT_NOFILE.'),
    memlock: key(z.union([z.literal('unlimited'), size(1, '1B')], needs('a size like 64MiB or unlimited')), 'RLIMIT_MEMLOCK.'),
    cpuWeight: key(int(1, 10_000), 'Share of the processor against its neighbours (cpu.weight; 100 is ordinary).'),
    oomScoreAdjust: key(int(-1_000, 1_000), 'Who goes first when memory runs out (oom_score_adj).'),
    bestEffort: key(bool, 'A limit that cannot be applied is a warning; else it fails the start. Default: false.'),
  },
  needs('a map of limits'),
);

const engine = z.strictObject(
  {
    command: key(argv, 'An argv, never a shell line; a relative program with a slash is looked for beside the config file. Templates.'),
    prepare: key(hook('1h'), 'Runs once per pool and spec, before the first start. Templates (not those of one engine).'),
    preflight: key(hook('30s'), 'Runs before each start; not 0 fails the start. Templates.'),
    version: key(word, 'Shown everywhere beside the engine.'),
    vars: key(
      mapOf(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'a variable name of letters, digits and underscores', text),
      'Variables for templates: ${vars.name}.',
    ),
    settable: key(
      mapOf(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'a variable name of letters, digits and underscores', wholePattern),
      'Variables that the role operate may set, each with the regular expression that a value has to match as a whole.',
    ),
    env: key(
      mapOf(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/, 'an environment name of letters, digits and underscores', text),
      'Environment, beside what poold gives. Templates.',
    ),
    envFrom: key(
      mapOf(
        /^[A-Za-z_][A-Za-z0-9_]{0,254}$/,
        'an environment name of letters, digits and underscores',
        z.strictObject({ file: word.describe('File with the value; beside the config file where relative.') }, needs('a map with file')),
      ),
      'Environment out of files; the values never leave the daemon.',
    ),
    workingDirectory: key(word, 'Where the engine runs. Templates.'),
    user: key(
      word.regex(/^(?:[a-z_][a-z0-9_.-]{0,31}\$?|\d{1,10})$/, needs('a user name or id')),
      'User that the engine runs as. Default: that of the daemon.',
    ),
    host: key(hostName, 'Address that the engine listens on. Default: 127.0.0.1.'),
    port: key(
      z.union([z.literal('auto'), portNumber, portRange], portNeed),
      'auto (one out of `ports`), a number, or a range [from, to]. Default: auto.',
    ),
    advertise: key(word, 'URL that leases and handoff files tell. Templates.'),
    devices: key(
      z
        .array(
          z.string(needs('a device like "0", "0,1" or GPU-…')).regex(DEVICE, needs('a device like "0", "0,1", a GPU-… or a MIG-… id')),
          needs('a list with one entry per replica'),
        )
        .min(1, needs('a list with one entry per replica'))
        .max(1_024, needs('a list of at most 1024 entries')),
      'Devices, one entry per replica: ["0", "1"] or ["0,1", "2,3"]; index, UUID or MIG id.',
    ),
    requireGpu: key(bool, 'No start without its device, never a silent fall-back. Default: true where devices is set.'),
    stopSignal: key(oneOf(STOP_SIGNALS), 'First signal of a stop. Default: SIGTERM.'),
    limits: key(limits, 'Limits of the process tree.'),
  },
  needs('a map of engine keys'),
);

const backoff = z.strictObject(
  {
    delay: key(duration(), 'Delay after the first failure. Default: 1s (LLM kinds 5s).'),
    factor: key(number(1, 100), 'What each further failure in a row multiplies it by. Default: 2.'),
    limit: key(duration(), 'Longest delay. Default: 60s (LLM kinds 5m).'),
    jitter: key(number(0, 1), 'Share by which the delay varies up and down. Default: 0.1.'),
    minDelay: key(duration(), 'Shortest delay. Default: 0ms.'),
    resetAfter: key(duration(), 'Stable for so long, the failures in a row are forgotten. Default: 300s.'),
    classes: key(mapOf(CLASS, CLASS_NEED, number(0, 1_000)), 'Multiplier of the delay per crash class. Default: gpu: 2.'),
  },
  needs('a map of back-off keys'),
);

const breaker = z.strictObject(
  {
    failureThreshold: key(int(1, 10_000), 'Failures in a row that open it. Default: 5.'),
    openFor: key(duration(1), 'How long it stays open at first; doubles when the try fails. Default: 300s.'),
    openForMax: key(duration(1), 'How long it stays open at most. Default: 1h.'),
    successAfter: key(duration(), 'Ready for so long without a break is a success. Default: 60s.'),
    classes: key(
      mapOf(
        CLASS,
        CLASS_NEED,
        z.strictObject(
          { failureThreshold: int(1, 10_000).describe('Crashes of the class in the pool that open it.') },
          needs('a map with failureThreshold'),
        ),
      ),
      'A breaker of its own for a crash class.',
    ),
  },
  needs('a map of breaker keys'),
);

export const poolSchema = z
  .strictObject(
    {
      kind: key(oneOf(['worker', 'llama-server', 'vllm']), 'Set of defaults, probes and patterns. Default: worker.'),
      autostart: key(bool, 'Start it with the daemon. Default: true.'),
      engine: key(engine, 'What runs.'),
      replicas: key(int(1, 1_000), 'How many engines. Default: 1.'),
      slots: key(int(1, 100_000), 'How many leases one engine carries at a time. Default: 1.'),
      restart: key(
        oneOf(['always', 'on-failure', 'never']),
        'Which ends bring an automatic start. Default: on-failure (LLM kinds always).',
      ),
      startTimeout: key(duration(1), 'From spawn to ready. Default: 120s (LLM kinds 15m).'),
      readyAfter: key(duration(), 'Without startup and readiness probe: alive for so long is ready. Default: 1s.'),
      probes: key(probesSchema, 'How engines are asked for their health. Default: none (LLM kinds: all four).'),
      inUse: key(
        orNone(inUseSchema, 'a map with httpGet and gauge'),
        'How many use an engine, by a gauge of its own, so that those without a lease are respected too. `none`: without.',
      ),
      backoff: key(backoff, 'Delay before an automatic restart, per engine.'),
      breaker: key(breaker, 'Stops automatic restarts after failures in a row.'),
      restartLimit: key(
        z.strictObject(
          {
            count: key(int(1, 100_000), 'Most restarts of the pool in any window. Default: the larger of 10 and 2 × replicas.'),
            window: key(duration(1), 'Length of the sliding window. Default: 60s.'),
            resetAfter: key(duration(), 'Stable for so long, the shown restartCount is 0 again. Default: 600s.'),
          },
          needs('a map with count, window, resetAfter'),
        ),
        'Restarts over it wait for their turn.',
      ),
      storm: key(
        z.strictObject(
          {
            count: key(int(1, 100_000), 'Restarts within the window that are a storm. Default: the larger of 10 and 2 × replicas.'),
            window: key(duration(1), 'Length of the sliding window. Default: 30s.'),
          },
          needs('a map with count and window'),
        ),
        'So many restarts in so short a time open the breaker of the pool.',
      ),
      crashPatterns: key(
        z
          .array(
            z.strictObject(
              {
                pattern: pattern.describe('Regular expression.'),
                class: word.regex(CLASS, needs(CLASS_NEED)).describe('Crash class that a match gives.'),
              },
              needs('a map with pattern and class'),
            ),
            needs('a list of maps with pattern and class'),
          )
          .max(200, needs('a list of at most 200 patterns')),
        'Log lines that tell why an engine ended; they go before the built-in ones.',
      ),
      onExit: key(hook('10s'), 'Runs after an unasked end of an engine; its output goes into the crash record. Templates.'),
      stop: key(
        z.strictObject(
          {
            timeout: key(duration(), 'From the stop signal to KILL. Default: 5s (LLM kinds 30s).'),
            command: key(orNone(argv, 'a list of texts'), 'Runs before the stop signal. Templates. `none`: without.'),
          },
          needs('a map with timeout and command'),
        ),
        'How an engine is stopped.',
      ),
      leases: key(leasesSchema, 'How long a lease lasts.'),
      queue: key(queueSchema, 'Who waits for a slot, and for how long.'),
      drain: key(drainSchema, 'How a pool is taken out of service.'),
      reload: key(reloadSchema, 'How engines are replaced by those of a new spec.'),
      logs: key(
        z.strictObject(
          {
            maxSize: key(size(4_096, '4KiB'), 'Size at which a log is rotated. Default: 64MiB.'),
            keep: key(int(0, 1_000), 'Older files that are kept. Default: 5.'),
            whenFull: key(oneOf(['drop-oldest']), 'What a full disk costs. Default: drop-oldest.'),
          },
          needs('a map with maxSize, keep, whenFull'),
        ),
        'Log files of each engine.',
      ),
    },
    needs('a map of pool keys'),
  )
  .meta({ id: 'Pool' });

/** One layer of a pool as parsed: durations in milliseconds, sizes in bytes, keys that were not written missing. */
export type PoolInput = z.output<typeof poolSchema>;
/** The same as people write it. */
export type PoolText = z.input<typeof poolSchema>;
