import { describe, expect, it } from 'vitest';
import { DeskRig } from '../lease/desk-rig.ts';

describe('an end that a full disk does not take', () => {
  it('leaves the run record where it is until it is stored', async () => {
    const rig = await DeskRig.open({ restart: 'never' });
    rig.full = true;
    rig.room.exit('chat/0', 3);
    await rig.clock.pass(1_000);
    expect(rig.types('engine.exited')).toHaveLength(1);
    expect(rig.room.released).toEqual([]);
    await rig.clock.pass(60_000);
    expect(rig.room.released).toEqual([]);

    rig.full = false;
    await rig.clock.pass(6_000);
    expect(rig.room.released).toEqual(['chat/0#1']);
    expect(rig.store.history({ pool: 'chat', replica: null, sinceMs: null, limit: 9 })).toMatchObject([{ generation: 1, code: 3 }]);
  });

  it('is tidied up behind once, and starts that came to nothing meanwhile at once', async () => {
    const rig = await DeskRig.open({ backoff: { delayMs: 10, jitter: 0 } });
    rig.full = true;
    rig.room.exit('chat/0', 3);
    await rig.clock.pass(30_000);
    expect(rig.room.released).toContain('chat/0#2');
    expect(rig.room.released).not.toContain('chat/0#1');
    rig.full = false;
    await rig.clock.pass(120_000);
    expect(rig.room.released.filter((id) => id === 'chat/0#1')).toHaveLength(1);
    expect(rig.pool().state.engines[0]?.phase.is).toBe('ready');
  });

  it('is tidied up behind at once where it is stored', async () => {
    const rig = await DeskRig.open({ restart: 'never' });
    rig.room.exit('chat/0', 3);
    await rig.clock.pass(0);
    expect(rig.room.released).toEqual(['chat/0#1']);
  });
});
