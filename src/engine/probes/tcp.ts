/** The probe `tcpSocket`: a connection that is accepted is a success; not a byte is sent. */
import { connect } from 'node:net';
import type { Clock } from '../../clock.ts';
import { timeLimit } from '../time-limit.ts';
import type { ProbeOutcome, Target } from './outcome.ts';
import { targetText } from './outcome.ts';

export interface TcpProbe {
  readonly target: Target;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Always resolves, at the latest when `timeoutMs` are over; see `timeLimit`. */
export function probeTcp(probe: TcpProbe): Promise<ProbeOutcome> {
  const where = targetText(probe.target);
  return new Promise((resolve) => {
    const settle = (outcome: ProbeOutcome): void => {
      deadline.cancel();
      probe.signal.removeEventListener('abort', aborted);
      resolve(outcome);
      socket.destroy();
    };
    const failed = (what: string): void => settle({ ok: false, message: `cannot connect to ${where}: ${what}` });
    const aborted = (): void => failed('it was called off');
    const deadline = timeLimit(probe.clock, probe.timeoutMs, () => failed(`not accepted within ${probe.timeoutMs} ms`));
    const socket = connect(probe.target);
    socket.on('connect', () => settle({ ok: true, message: `${where} accepts connections` }));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      settle({ ok: false, message: `cannot connect to ${where}: ${error.message}`, refused: error.code === 'ECONNREFUSED' });
    });
    probe.signal.addEventListener('abort', aborted);
    if (probe.signal.aborted) aborted();
  });
}
