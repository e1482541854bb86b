import { describe, expect, it } from 'vitest';
import { DeskRig, REQUEST, settled } from './desk-rig.ts';

const DRAIN = { do: 'drain', replica: null, deadlineMs: 600_000, extend: false } as const;

describe('whoever waits when a drain begins', () => {
  it('is answered by the watch of its ticket, which says so', async () => {
    const rig = await DeskRig.open({});
    await rig.granted();
    const ticket = await rig.queued({ holder: 'bob' });
    let answered = false;
    const watch = rig.leases.ticket(ticket.id, 60_000, new AbortController().signal).then((status) => {
      answered = true;
      return status;
    });
    await rig.clock.pass(1_000);
    expect(answered).toBe(false);
    rig.tell(DRAIN);
    await rig.clock.pass(1_000);
    expect(answered).toBe(true);
    expect(await watch).toMatchObject({ state: 'queued', queuePosition: 1, draining: true });
  });

  it('hears it on its connection', async () => {
    const rig = await DeskRig.open({});
    await rig.granted();
    const gone = new AbortController();
    const lines = rig.leases.acquireBound('chat', { ...REQUEST, holder: 'bob', bind: 'connection' }, gone.signal)[Symbol.asyncIterator]();
    expect((await lines.next()).value).toMatchObject({ outcome: 'queued', queuePosition: 1, draining: false });
    const heard = lines.next();
    await settled();
    rig.tell(DRAIN);
    await rig.clock.pass(2_000);
    expect((await heard).value).toMatchObject({ outcome: 'queued', queuePosition: 1, draining: true });
    gone.abort();
  });
});
