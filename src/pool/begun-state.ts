/** How a person's command becomes an operation that is watched to its end, and what it takes the place of. */
import type { EngineState, Hold, Stamp } from '../engine/engine-state.ts';
import { engineId } from '../engine/identity.ts';
import { stamp } from '../stamp.ts';
import type { PoolCommand } from './host.ts';
import { ended, superseded } from './operation-state.ts';
import type { ReloadTarget } from './pool-events.ts';
import type { ActiveOperation, PoolState } from './pool-state.ts';
import type { OperationKind } from './status.ts';
import type { Turn } from './turn.ts';
import { engineAt, put } from './turn.ts';
import { replicasOf } from './wanted-state.ts';

export interface Given {
  readonly command: PoolCommand;
  readonly operationId: string;
  readonly stamp: Stamp;
  readonly targets?: readonly ReloadTarget[];
}

export type Targets = Partial<Pick<ActiveOperation, 'starts' | 'stops'>>;

/** What a newer command contradicts. */
const TAKES_PLACE_OF: Readonly<Record<OperationKind, readonly OperationKind[]>> = {
  start: ['stop'],
  stop: ['start', 'restart', 'retry', 'scale', 'resume'],
  restart: ['start', 'restart', 'retry'],
  drain: ['start', 'restart', 'retry', 'scale', 'resume'],
  pause: [],
  resume: ['drain', 'stop'],
  reload: ['start', 'restart', 'retry'],
  scale: ['scale'],
  retry: ['stop', 'start'],
  reset: [],
  signal: [],
};

/** What has nothing to wait for was so already. */
const ALREADY: ReadonlySet<OperationKind> = new Set(['start', 'stop', 'retry']);

export function begun(turn: Turn, given: Given, targets: Targets): ActiveOperation {
  const { command } = given;
  const starts = targets.starts ?? [];
  const stops = targets.stops ?? [];
  superseded(turn, [...starts.map(({ replica }) => replica), ...stops], TAKES_PLACE_OF[command.do]);
  const subject = subjectOf(turn.state, 'replica' in command ? command.replica : null);
  const why = given.stamp.reason === null ? '' : `: ${given.stamp.reason}`;
  const operation: ActiveOperation = {
    id: given.operationId,
    kind: command.do,
    stamp: given.stamp,
    steps: [{ at: stamp(turn.env.wallMs), text: `${command.do} ${subject} asked by ${given.stamp.by}${why}` }],
    starts,
    stops,
    forced: false,
  };
  turn.state = { ...turn.state, operations: [...turn.state.operations, operation] };
  const idle = starts.length + stops.length === 0;
  if (idle && ALREADY.has(command.do)) ended(turn, operation, { is: 'succeeded', outcome: 'already' });
  return operation;
}

export function holdPut(turn: Turn, replica: number, held: Hold | null): void {
  const engine = engineAt(turn, replica);
  if (engine.held !== held) put(turn, { ...engine, held });
}

export function targetsOf(state: PoolState, replica: number | null): readonly number[] {
  return replica === null ? replicasOf(state) : [replica];
}

/** `chat` or `chat/0`, for messages. */
export function subjectOf(state: PoolState, replica: number | null): string {
  return replica === null ? state.name : engineId({ pool: state.name, replica });
}

/** What is there of it is told to go; its start, where one is due, is called off. */
export function isGoing({ phase }: EngineState): boolean {
  return 'run' in phase || phase.is === 'backoff';
}
