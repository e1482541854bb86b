import { After, BeforeAll, Status, setDefaultTimeout } from '@cucumber/cucumber';
import { portsTaken } from './ports.ts';
import type { PooldWorld } from './world.ts';

setDefaultTimeout(60_000);

BeforeAll(portsTaken);

After(async function (this: PooldWorld, { result }) {
  const faults = this.daemon === null ? [] : this.daemonLog().filter(({ msg }) => msg.includes('a fault of poold itself'));
  if (result?.status !== Status.PASSED) {
    this.attach(this.daemonWords(), 'text/plain');
    this.attach(
      this.daemonLog()
        .slice(-60)
        .map((line) => JSON.stringify(line))
        .join('\n'),
      'text/plain',
    );
  }
  const { last } = this;
  await this.tidyUp();
  if (faults.length > 0) throw new Error(`the daemon reported a fault of its own: ${JSON.stringify(faults)}`);
  if (last !== null && !last.examined) throw new Error(`a command failed (${last.code}) and no step looked at it: ${last.stderr}`);
});
