/** Bugs put into the machine on purpose, one at a time: each has to be found, or the simulator proves nothing. */
import { DRAINS } from './drains.ts';
import { LEASES } from './leases.ts';
import type { Plant } from './planting.ts';
import { RELOADS } from './reloads.ts';
import { SUPERVISION } from './supervision.ts';

export const PLANTS: readonly Plant[] = [...SUPERVISION, ...LEASES, ...DRAINS, ...RELOADS];
