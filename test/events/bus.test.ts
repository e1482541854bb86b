import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createBus } from '../../src/events/bus.ts';
import type { Event, Happening } from '../../src/events/event.ts';

const clock = { ...systemClock, wallMs: () => Date.UTC(2026, 10, 20, 10) };
const ready = (generation: number): Happening => ({
  type: 'engine.ready',
  pool: 'chat',
  engine: 'chat/0',
  generation,
  facts: { startMs: 5 },
});
const cursors = (events: readonly Event[]): readonly string[] => events.map((event) => event.cursor);

describe('the bus', () => {
  it('numbers events without a gap and stamps them', () => {
    const bus = createBus({ epoch: 7, clock });
    expect(bus.since(null).cursor).toBe('7:0');
    expect(bus.publish(ready(1))).toEqual({ ...ready(1), cursor: '7:1', at: '2026-11-20T10:00:00.000Z' });
    expect([bus.publish(ready(2)), bus.publish(ready(3))].map((event) => event?.cursor)).toEqual(['7:2', '7:3']);
  });

  it('replays what came behind a cursor', () => {
    const bus = createBus({ epoch: 7, clock });
    for (let number = 1; number <= 4; number += 1) bus.publish(ready(number));
    expect(cursors(bus.since(null).events)).toEqual(['7:1', '7:2', '7:3', '7:4']);
    expect(bus.since('7:2')).toMatchObject({ reset: false, cursor: '7:4', events: [{ generation: 3 }, { generation: 4 }] });
    expect(cursors(bus.since('7:0').events)).toHaveLength(4);
    expect(bus.since('7:4')).toEqual({ reset: false, cursor: '7:4', events: [] });
  });

  it.each(['6:2', '8:2', '7:5', '7', 'x:1', '7:-1', ''])(
    'answers the cursor %j, which it never gave or of which it knows no more, with a reset',
    (cursor) => {
      const bus = createBus({ epoch: 7, clock });
      for (let number = 1; number <= 4; number += 1) bus.publish(ready(number));
      expect(bus.since(cursor)).toEqual({ reset: true, cursor: '7:4', events: [] });
    },
  );

  it('keeps only the newest', () => {
    const bus = createBus({ epoch: 7, clock, size: 3 });
    for (let number = 1; number <= 10; number += 1) bus.publish(ready(number));
    expect(cursors(bus.since(null).events)).toEqual(['7:8', '7:9', '7:10']);
    expect(cursors(bus.since('7:7').events)).toEqual(['7:8', '7:9', '7:10']);
    expect(bus.since('7:6').reset).toBe(true);
  });

  it('keeps a listener that throws from harming the publisher and the others', () => {
    const failures: unknown[] = [];
    const bus = createBus({ epoch: 7, clock, failed: (error, event) => failures.push([(error as Error).message, event.cursor]) });
    const heard: string[] = [];
    bus.subscribe(() => {
      throw new Error('broken');
    });
    bus.subscribe((event) => heard.push(event.cursor));
    bus.publish(ready(1));
    bus.publish(ready(2));
    expect(heard).toEqual(['7:1', '7:2']);
    expect(failures).toEqual([
      ['broken', '7:1'],
      ['broken', '7:2'],
    ]);
  });

  it('tells everybody in the same order, also when a listener publishes', () => {
    const bus = createBus({ epoch: 7, clock });
    const heard: string[] = [];
    bus.subscribe((event) => {
      if (event.generation === 1) bus.publish(ready(2));
    });
    bus.subscribe((event) => heard.push(event.cursor));
    bus.publish(ready(1));
    expect(heard).toEqual(['7:1', '7:2']);
  });

  it('tells nobody who has ended, also within the same event', () => {
    const bus = createBus({ epoch: 7, clock });
    const heard: string[] = [];
    const ends: (() => void)[] = [];
    bus.subscribe(() => {
      for (const end of ends.splice(0)) end();
    });
    ends.push(bus.subscribe(() => heard.push('ended')));
    const same = (): unknown => heard.push('same');
    bus.subscribe(same);
    bus.subscribe(same)();
    bus.publish(ready(1));
    expect(heard).toEqual(['same']);
  });
});
