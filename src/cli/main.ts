/** poolctl: from the words of the command line to an exit code. */
import { CommanderError } from 'commander';
import { ClientError } from '../client/client-error.ts';
import { systemClock } from '../clock.ts';
import { clientFor } from './connect.ts';
import type { ExitCode } from './exit-codes.ts';
import { EXIT, exitOfError, UsageError } from './exit-codes.ts';
import { harmless } from './harmless.ts';
import { Output } from './output.ts';
import { program } from './program.ts';
import { durationMs } from './times.ts';
import type { Run } from './verb.ts';

/** For an answer to begin; what a request asks the daemon to wait comes on top. */
const ANSWER_MS = 10_000;

/** Runs one command; `argv` is what stands behind the program's name. Answers with the exit code, and throws nothing that a user could cause. */
export async function main(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.done;
  const run: Run = async (options, verb) => {
    const timeoutMs = durationMs(options.timeout, '--timeout');
    const out = new Output(options.output === 'json');
    const client = await clientFor(options, { clock: systemClock, timeoutMs: Math.min(ANSWER_MS, timeoutMs ?? ANSWER_MS) });
    try {
      code = await verb({ client, leases: client.leases, clock: systemClock, out, timeoutMs });
    } finally {
      out.live(null);
      await client.close();
    }
  };
  try {
    await program(run).parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    return explained(error);
  }
}

function explained(error: unknown): ExitCode {
  // commander has already said what it has to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof UsageError) return said(error.message, EXIT.usage);
  if (error instanceof ClientError) return said(error.message, exitOfError(error));
  return said(
    `cannot go on: a fault of poolctl itself: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    EXIT.failed,
  );
}

function said(message: string, code: ExitCode): ExitCode {
  process.stderr.write(`poolctl: ${message.split('\n').map(harmless).join('\n')}\n`);
  return code;
}
