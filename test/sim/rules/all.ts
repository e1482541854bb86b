/** Every rule a world is watched by. */
import type { Rule } from '../ground.ts';
import type { World } from '../world.ts';
import { AcknowledgedRule } from './acknowledged.ts';
import { AnnouncedRule } from './announced.ts';
import { BackoffRule } from './backoff.ts';
import { BreakerRule } from './breakers.ts';
import { CounterRule } from './counters.ts';
import { DeadlineRule } from './deadlines.ts';
import { DrainRule } from './drains.ts';
import { InUseRule } from './in-use.ts';
import { LeaseEndRule } from './lease-ends.ts';
import { PlaceRule } from './places.ts';
import { ProbingRule } from './probing.ts';
import { ProcessRule } from './processes.ts';
import { PurityRule } from './purity.ts';
import { QueueRule } from './queue.ts';
import { RecoveredRule } from './recovered.ts';
import { ReloadRule } from './reloads.ts';
import { RestartRule } from './restarts.ts';
import { SeatRule } from './seats.ts';
import { ThresholdRule } from './thresholds.ts';
import { TimerRule } from './timers.ts';
import { TokenRule } from './tokens.ts';
import { WantedRule } from './wanted.ts';

export function allRules(world: World): readonly Rule[] {
  return [
    new ProcessRule(world),
    new WantedRule(),
    new SeatRule(),
    new LeaseEndRule(),
    new TokenRule(),
    new AcknowledgedRule(world),
    new QueueRule(),
    new DrainRule(),
    new DeadlineRule(),
    new ReloadRule(),
    new BreakerRule(),
    new RestartRule(),
    new BackoffRule(),
    new ThresholdRule(),
    new InUseRule(),
    new PlaceRule(world),
    new ProbingRule(world),
    new AnnouncedRule(),
    new CounterRule(),
    new RecoveredRule(world),
    new TimerRule(world),
    new PurityRule(world),
  ];
}
