/** A room of processes that are only said to be there: they do what a test tells them. */
import type { Exit } from '../../src/engine/engine-state.ts';
import { engineId } from '../../src/engine/identity.ts';
import type { Living, Room } from '../../src/pool/room.ts';
import { newProcess, WALL_MS } from '../pool/world.ts';

/** What each replica's process is waiting to be told, and who ignores TERM. */
export class TestRoom {
  readonly signals: string[] = [];
  /** Generations behind whose end was tidied up. */
  readonly released: string[] = [];
  readonly #ends = new Map<string, (exit: Exit) => void>();
  readonly #gone = new Map<string, () => void>();
  ignoresTerm = false;
  /** Which of them the next daemon does not find alive. */
  readonly dead = new Set<string>();

  /** The process ends by itself, with its tree. */
  exit(id: string, code = 1): void {
    this.#ends.get(id)?.({ code, signal: null, atMs: WALL_MS, seen: 'event', spawnFailure: null });
    this.#gone.get(id)?.();
  }

  get room(): Room {
    const told = (word: string) => (living: Living) => {
      this.signals.push(`${word} ${engineId(living.ref)}`);
      if (word === 'kill' || !this.ignoresTerm) queueMicrotask(() => this.exit(engineId(living.ref), 0));
    };
    const quiet = () => {};
    return {
      containment: 'weak',
      prepare: async () => null,
      preflight: async ({ ref }) => ({ port: 20_000 + ref.replica, device: null, executable: null }),
      executable: async () => null,
      spawn: async ({ ref }) => newProcess(ref, {}, 100 + ref.replica).identity,
      watchEnd: ({ ref }, ended) => void this.#ends.set(engineId(ref), ended),
      gone: ({ ref }) =>
        new Promise((resolve) => {
          this.#gone.set(engineId(ref), () => resolve({ oomKilled: false, patternClass: null, matchedLine: null, lastLines: [] }));
        }),
      terminate: told('terminate'),
      terminateRest: quiet,
      kill: told('kill'),
      find: async (stored) => ({
        found: stored.map(({ order: { ref } }) => {
          const { identity } = newProcess(ref, {}, 100 + ref.replica);
          const exit = { code: 1, signal: null, atMs: WALL_MS, seen: 'adoption', spawnFailure: null } as const;
          return this.dead.has(engineId(ref)) ? { is: 'ended', identity, exit } : { is: 'alive', identity };
        }),
        strays: [],
      }),
      lastGeneration: async () => 0,
      onExit: async () => '',
      logs: async function* () {},
      askInUse: quiet,
      check: quiet,
      probe: quiet,
      stopProbing: quiet,
      writeHandoff: quiet,
      removeHandoff: quiet,
      signal: quiet,
      abandon: quiet,
      release: (ref) => void this.released.push(`${engineId(ref)}#${ref.generation}`),
      releasePort: quiet,
      recover: quiet,
    };
  }
}
