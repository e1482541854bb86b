/**
 * What has to fit together in one pool, over several keys. Pure. Errors keep the daemon from starting, warnings do not.
 * Beside it: `template-rules.ts`, `restart-rules.ts`, `use-rules.ts`, and `host-rules.ts` for what concerns all pools.
 */
import { hint } from './nearest.ts';
import type { Finding, Path } from './problem.ts';
import { failure, warning } from './problem.ts';
import { formatDuration } from './quantity.ts';
import { restartFindings } from './restart-rules.ts';
import type { PoolSpec } from './spec.ts';
import type { Wrote } from './template-rules.ts';
import { portUse, templateFindings } from './template-rules.ts';
import { useFindings } from './use-rules.ts';

/** Everything that is wrong or odd in one pool; paths within the pool. */
export function poolFindings(pool: PoolSpec, wrote: Wrote): Finding[] {
  return [
    ...templateFindings(pool, wrote),
    ...portFindings(pool, wrote),
    ...deviceFindings(pool),
    ...environmentFindings(pool),
    ...settableFindings(pool, wrote),
    ...advertiseFindings(pool),
    ...timeFindings(pool),
    ...restartFindings(pool, wrote),
    ...useFindings(pool, wrote),
  ];
}

const PORT: Path = ['engine', 'port'];

function portFindings(pool: PoolSpec, wrote: Wrote): Finding[] {
  const { port } = pool.engine;
  if (typeof port === 'number') {
    if (pool.replicas === 1) return [];
    return [
      failure(PORT, `cannot give port ${port} to ${pool.replicas} replicas: write auto, or a range [${port}, ${port + pool.replicas - 1}]`),
    ];
  }
  if (port !== 'auto') {
    const ports = port[1] - port[0] + 1;
    if (ports >= pool.replicas) return [];
    return [failure(PORT, `cannot give ${pool.replicas} replicas a port each out of [${port[0]}, ${port[1]}]: it has ${ports}`)];
  }
  const { told, used } = portUse(pool);
  const asked = probesOwnPort(pool);
  if (told || !(asked || used || wrote(PORT))) return [];
  if (!asked && !used)
    return [
      warning(PORT, 'cannot be of use: nothing takes the port; write ${port} in engine.command or engine.env, or take port: auto away'),
    ];
  return [
    warning(
      PORT,
      'cannot be of use: the engine is never told its port; write ${port} in engine.command or engine.env, or give it a fixed port',
    ),
  ];
}

/** A probe that names no port of its own asks the engine's. */
function probesOwnPort({ probes, inUse }: PoolSpec): boolean {
  const asks = [probes.startup?.action, probes.readiness?.action, probes.liveness?.action].some(
    (action) => (action?.by === 'httpGet' || action?.by === 'tcpSocket') && action.port === null,
  );
  return asks || probes.progress?.port === null || inUse?.port === null;
}

function deviceFindings({ engine, replicas }: PoolSpec): Finding[] {
  if (engine.devices === null || engine.devices.length >= replicas) return [];
  const count = engine.devices.length;
  return [
    failure(
      ['engine', 'devices'],
      `cannot give ${replicas} replicas a device each: it has ${count} ${count === 1 ? 'entry' : 'entries'}, one per replica is needed`,
    ),
  ];
}

/** What systemd and poold tell a process by; an engine that is lied to would answer to the wrong one. */
const POOLDS_OWN = /^(?:POOLD_.*|NOTIFY_SOCKET|LISTEN_(?:FDS|PID|FDNAMES|PIDFDID)|WATCHDOG_(?:USEC|PID)|CREDENTIALS_DIRECTORY)$/;
const DEVICES_OWN = ['CUDA_VISIBLE_DEVICES', 'CUDA_DEVICE_ORDER', 'ROCR_VISIBLE_DEVICES'];

function environmentFindings({ engine }: PoolSpec): Finding[] {
  const names = [
    ...Object.keys(engine.env).map((name) => ['engine', 'env', name] as const),
    ...Object.keys(engine.envFrom).map((name) => ['engine', 'envFrom', name] as const),
  ];
  const findings: Finding[] = [];
  for (const path of names) {
    const name = path[2];
    if (name.startsWith('LD_')) {
      findings.push(
        failure(
          path,
          `cannot set ${name}: it would act on poold's launcher too; begin engine.command with [env, "${name}=…", program, …] instead`,
        ),
      );
    } else if (POOLDS_OWN.test(name)) {
      findings.push(failure(path, `cannot set ${name}: it is poold's or systemd's own`));
    } else if (engine.devices !== null && DEVICES_OWN.includes(name)) {
      findings.push(failure(path, `cannot set ${name}: engine.devices decides it; take one of them away`));
    }
    if (path[1] === 'envFrom' && Object.hasOwn(engine.env, name)) {
      findings.push(failure(path, `cannot take ${name} from a file: engine.env sets it too; take one of them away`));
    }
  }
  return findings;
}

function settableFindings({ engine }: PoolSpec, wrote: Wrote): Finding[] {
  return Object.entries(engine.settable).flatMap(([name, pattern]) => {
    const path: Path = ['engine', 'settable', name];
    const value = Object.hasOwn(engine.vars, name) ? engine.vars[name] : undefined;
    if (value === undefined) {
      if (wrote(['engine', 'vars', name])) return [];
      return [failure(path, `cannot be set: engine.vars has no ${JSON.stringify(name)}; ${hint(name, Object.keys(engine.vars))}`)];
    }
    if (new RegExp(pattern).test(value)) return [];
    return [
      warning(path, `cannot match the file's own value ${JSON.stringify(value.slice(0, 60))}: once changed, it could not be set back`),
    ];
  });
}

function advertiseFindings({ engine }: PoolSpec): Finding[] {
  if (engine.advertise === null || URL.canParse(engine.advertise.replaceAll('${port}', '1').replaceAll(/\$\{[^}]*\}/g, 'x'))) return [];
  return [
    failure(
      ['engine', 'advertise'],
      `cannot use ${JSON.stringify(engine.advertise)}: a URL like "http://gpu1.internal:\${port}" is needed`,
    ),
  ];
}

function timeFindings(pool: PoolSpec): Finding[] {
  const { probes, readyAfterMs, startTimeoutMs } = pool;
  const findings: Finding[] = [];
  if (probes.startup === null && probes.readiness === null && readyAfterMs >= startTimeoutMs) {
    findings.push(
      failure(
        ['readyAfter'],
        `cannot ever be ready: readyAfter ${formatDuration(readyAfterMs)} is not below startTimeout ${formatDuration(startTimeoutMs)}`,
      ),
    );
  }
  if (probes.progress && probes.progress.stallMs <= probes.progress.periodMs) {
    const { stallMs, periodMs } = probes.progress;
    findings.push(
      warning(
        ['probes', 'progress', 'stall'],
        `cannot tell a stall: stall ${formatDuration(stallMs)} is not above period ${formatDuration(periodMs)}`,
      ),
    );
  }
  return findings;
}
