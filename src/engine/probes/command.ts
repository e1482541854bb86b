/** The probe `exec`: exit code 0 is a success. */
import type { Clock } from '../../clock.ts';
import type { CommandOrder } from '../exec.ts';
import { runCommand } from '../exec.ts';
import type { ProbeOutcome } from './outcome.ts';

const OUTPUT_BYTES = 4096;
const SHOWN_CHARACTERS = 200;

/** Always resolves; what outlasts its time, or is called off, is killed with its group. */
export async function probeCommand(clock: Clock, order: CommandOrder): Promise<ProbeOutcome> {
  const name = order.argv[0] ?? '';
  const { code, signal, timedOut, output, problem } = await runCommand(clock, { ...order, outputBytes: OUTPUT_BYTES });
  if (problem !== null) return { ok: false, message: `cannot probe by ${name}: ${problem}` };
  if (timedOut) return { ok: false, message: `cannot probe by ${name}: not done within ${order.timeoutMs} ms` };
  if (code === 0) return { ok: true, message: `${name} exited with code 0` };
  const end = code === null ? `was ended by signal ${signal}` : `exited with code ${code}`;
  const said = output.slice(-SHOWN_CHARACTERS).trim();
  return { ok: false, message: said === '' ? `${name} ${end}` : `${name} ${end}: ${said}` };
}
