/** poold itself, behind the same calls as its peers. */
import { readdirSync } from 'node:fs';
import { Rig } from '../../machine/rig.ts';
import type { Group, Peer, Running } from './peer.ts';

/** Everything on by default stays on: the tree has to be empty, the intent stored, the cgroup entered; a `${port}` is test-bound. */
const AT_ONCE = {
  restart: 'always',
  readyAfter: '0ms',
  backoff: { delay: '0ms', limit: '0ms', jitter: 0 },
  breaker: { failureThreshold: 1000 },
  restartLimit: { count: 900 },
  storm: { count: 900 },
};

export interface PooldOptions {
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** More keys of each pool. */
  readonly pool?: Readonly<Record<string, unknown>>;
  /** More keys of each pool's engine. */
  readonly engine?: Readonly<Record<string, unknown>>;
  /** Keys beside `pools`. */
  readonly daemon?: Readonly<Record<string, unknown>>;
}

export interface RunningPoold extends Running {
  readonly rig: Rig;
}

export interface Poold extends Peer {
  start(groups: readonly Group[]): Promise<RunningPoold>;
}

export function poold({ name = 'poold', env = {}, pool = {}, engine = {}, daemon = {} }: PooldOptions = {}): Poold {
  return {
    name,
    lacks: null,
    async start(groups) {
      const pools = groups.map((group) => [
        group.name,
        { ...AT_ONCE, ...pool, replicas: group.count, engine: { command: group.argv, ...engine } },
      ]);
      const rig = new Rig(Object.fromEntries(pools), daemon);
      const { pid = 0 } = await rig.start({ env }).catch(async (error: Error) => {
        await rig.tidyUp();
        throw error;
      });
      return {
        rig,
        pid,
        logs: (group) =>
          readdirSync(rig.path('state/logs')).flatMap((file) =>
            new RegExp(`^${group}-0\\.log(\\.\\d+)?$`).test(file) ? [rig.path('state/logs', file)] : [],
          ),
        follow(group, index, told) {
          const over = new AbortController();
          const read = async (): Promise<void> => {
            for await (const record of rig.client.logs(group, { replica: index, follow: true, tail: 0 }, over.signal))
              if (record.is === 'line') told(`${record.text}\n`);
          };
          read().catch((error: Error) => {
            if (!over.signal.aborted) throw error;
          });
          return () => over.abort();
        },
        async call() {
          await rig.client.pools();
        },
        async saysAllRun(group) {
          await rig.poolReaches(group, 'running');
        },
        decidedMs: (generation) => decidedMs(rig, generation),
        async end() {
          await rig.endsClean();
          await rig.tidyUp();
        },
      };
    },
  };
}

function decidedMs(rig: Rig, generation: number): number | null {
  const line = rig
    .daemonLog()
    .split('\n')
    .find((one) => one.includes('"engine.starting"') && one.includes(`"generation":${generation},`));
  return line === undefined ? null : Date.parse((JSON.parse(line) as { time: string }).time);
}
