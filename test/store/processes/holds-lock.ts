/** Tries for the lock of the daemon on the two directories it is given; prints what came of it, and holds on until its input ends. */
import { PooldError } from '../../../src/errors.ts';
import { lockDaemon } from '../../../src/lock.ts';

const [stateDirectory = '', runtimeDirectory = ''] = process.argv.slice(2);
try {
  const lock = lockDaemon({ stateDirectory, runtimeDirectory });
  process.stdout.write('{"held":true}\n');
  process.stdin.on('end', () => lock.release()).resume();
} catch (error) {
  const { code, message } = error as PooldError;
  process.stdout.write(`${JSON.stringify({ held: false, code, message })}\n`);
  process.exitCode = error instanceof PooldError ? 3 : 1;
}
