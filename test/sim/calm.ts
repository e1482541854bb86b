/** Invariant 48: with all faults off, and time enough, every pool gets to what is wanted of it or to an end that explains itself. */
import type { EngineState } from '../../src/engine/engine-state.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { poolStatus } from '../../src/pool/pool-view.ts';
import { allEngines } from '../../src/pool/turn.ts';
import type { Luck } from './luck.ts';
import { ownerOf } from './ports.ts';
import { engineIn, membersOf } from './rules/questions.ts';
import type { Shutdown } from './shutdown.ts';
import { must } from './violation.ts';
import type { World } from './world.ts';

export interface Calm {
  readonly world: World;
  readonly luck: Luck;
  readonly shutdown: Shutdown;
  readonly note: (text: () => string) => void;
}

/** More than the longest breaker, back-off and limiter of a random spec after each other. */
const TIME_MS = 6 * 3_600_000;
const STEPS_MAX = 20_000;
const SOON_MS = 60_000;

export function settledIn({ world, luck, shutdown, note }: Calm): void {
  const { ground } = world;
  note(() => '-- calm');
  luck.calm = true;
  ground.processes.calm = true;
  ground.strangers.clear();
  world.clients?.settle();
  if (world.daemon === null) world.boot();
  lookedAfter(world);
  const untilMs = ground.nowMs + TIME_MS;
  const stepsMax = world.steps + STEPS_MAX;
  // What is due at this very moment is under way: a place granted to a start that was called off has yet to come back, say.
  while (unsettled(world) !== null || ground.agenda.nextMs <= ground.nowMs) {
    const went = world.advance(untilMs);
    must(world.steps < stepsMax, 'liveness', () => `${STEPS_MAX} steps of calm and still ${unsettled(world)?.()}`);
    must(went, 'liveness', () => `${TIME_MS} ms of calm and still ${unsettled(world)?.()}`);
    world.between();
    shutdown.between();
  }
  explained(world);
  nothingLeaks(world);
}

/** What nobody can prove to be ours ends one day, or a person vouches for it. */
function lookedAfter(world: World): void {
  const { ground } = world;
  for (const process of ground.processes.allLiving()) {
    if (process.traits.unprovable) ground.after(SOON_MS, () => ground.processes.end(process, { code: 0, signal: null }));
  }
  ground.after(2 * SOON_MS, () => {
    for (const state of world.daemon?.states.values() ?? []) {
      const stuck = allEngines(state).some(({ phase }) => phase.is === 'stuck' && phase.why === 'unproven');
      if (stuck) world.command(state.name, { do: 'reset', class: null, forget: true });
    }
  });
}

/** What is not as it should be, in words for whoever asks; null when all is. */
type Unsettled = (() => string) | null;

function unsettled({ daemon }: World): Unsettled {
  if (daemon === null) return () => 'there is no daemon';
  for (const state of daemon.states.values()) {
    const why = enginesUnsettled(state) ?? breakersUnsettled(state) ?? goesOn(state);
    if (why !== null) return why;
  }
  return null;
}

function enginesUnsettled(state: PoolState): Unsettled {
  const { name } = state;
  const running = state.wanted.state === 'running' && !state.shuttingDown;
  const members = membersOf(state);
  for (const replica of running ? members : []) {
    if (engineIn(state, replica) === undefined) return () => `${name}/${replica} was never made`;
  }
  for (const engine of state.engines) {
    const wanted = running && members.includes(engine.replica) && engine.held === null;
    if (!(wanted ? isRight(engine) : engine.phase.is === 'idle'))
      return () => `${name}/${engine.replica} is ${JSON.stringify(engine.phase)}, wanted: ${wanted}, breaker ${engine.breaker.is}`;
  }
  const [other] = state.others;
  return other === undefined ? null : () => `the ${other.role} ${other.replica}#${other.generation} of ${name} is there`;
}

function breakersUnsettled({ name, breaker, classes }: PoolState): Unsettled {
  if (breaker.is !== 'closed') return () => `the breaker any of ${name} is ${breaker.is}`;
  const open = Object.entries(classes).find((entry) => entry[1].breaker.is !== 'closed');
  return open === undefined ? null : () => `the breaker ${open[0]} of ${name} is ${open[1].breaker.is}`;
}

function goesOn(state: PoolState): Unsettled {
  const { name, operations, tickets } = state;
  if (operations.length > 0) return () => `${operations.map(({ id, kind }) => `${kind} ${id}`).join()} of ${name} goes on`;
  for (const key of UNDER_WAY) {
    const what = state[key];
    if (what !== null) return () => `${name} has not done with ${key}: ${JSON.stringify(what)}`;
  }
  return tickets.length === 0 ? null : () => `${tickets.length} wait for ${name}`;
}

const UNDER_WAY = ['rolling', 'rollout', 'drain', 'waitingReload', 'waitingScale'] as const;

function isRight({ phase, breaker }: EngineState): boolean {
  if (phase.is === 'ready') return phase.run.succeeded && breaker.is === 'closed';
  return phase.is === 'ended' || phase.is === 'failed';
}

function explained(world: World): void {
  const { nowMs, wallMs } = world.ground;
  for (const state of world.daemon?.states.values() ?? []) {
    const status = poolStatus(state, { nowMs, wallMs, containment: 'weak', external: [] });
    const says = (): string => `${status.pool} is ${status.state}, reason ${status.reason}, message ${status.message}`;
    must(status.state === 'running' || (status.reason !== null && status.message !== null), 'liveness', says);
    for (const { id, state: name, reason, message } of status.engines) {
      must(name === 'ready' || (reason !== null && message !== null), 'liveness', () => `${id} is ${name} and does not say why`);
    }
  }
}

/** Places, ports and handoff files are where engines are, and nowhere else. */
function nothingLeaks(world: World): void {
  const { daemon, ground } = world;
  if (daemon === null) return;
  const { waiting, spawning, loading } = daemon.gate;
  must(waiting.length + spawning.length === 0, 'starts', () => `${waiting.length} wait and ${spawning.length} spawn, although all is calm`);
  must(loading.length === 0, 'starts', () => `${loading.map(({ ref }) => `${ref.pool}/${ref.replica}`).join()} still hold a device`);
  const owners = new Set(
    [...daemon.states.values()].flatMap((state) => allEngines(state).map((engine) => ownerOf({ pool: state.name, ...engine }))),
  );
  for (const [port, owner] of daemon.ports)
    must(owners.has(owner), 'ports', () => `port ${port} is kept for ${owner}, and nothing is there`);
  for (const state of daemon.states.values()) {
    for (const { replica, generation, phase } of state.engines) {
      const id = `${state.name}/${replica}`;
      const named = ground.handoffs.get(id);
      must(
        phase.is === 'ready' ? named === generation : named === undefined,
        'recovered',
        () => `the handoff file of ${id} names ${named}, it is ${phase.is}, generation ${generation}`,
      );
    }
  }
}
