import { expect, it } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { systemClock } from '../../src/clock.ts';
import { timeLimit } from '../../src/engine/time-limit.ts';

/** Time stands still; a timer fires when the test says so, as late as it says. */
class HandClock implements Pick<Clock, 'nowMs' | 'after'> {
  #nowMs = 1_000;
  #armed: { readonly dueMs: number; readonly fire: () => void } | null = null;

  nowMs = (): number => this.#nowMs;

  after = (delayMs: number, fire: () => void) => {
    const armed = { dueMs: this.#nowMs + delayMs, fire };
    this.#armed = armed;
    return {
      cancel: () => {
        if (this.#armed === armed) this.#armed = null;
      },
    };
  };

  get dueInMs(): number | null {
    return this.#armed === null ? null : this.#armed.dueMs - this.#nowMs;
  }

  fires({ lateMs }: { readonly lateMs: number }): void {
    const armed = this.#armed;
    this.#armed = null;
    this.#nowMs = (armed?.dueMs ?? this.#nowMs) + lateMs;
    armed?.fire();
  }
}

function limited(limitMs: number) {
  const clock = new HandClock();
  const told: number[] = [];
  const timer = timeLimit({ ...systemClock, nowMs: clock.nowMs, after: clock.after }, limitMs, () => told.push(clock.nowMs()));
  return { clock, told, timer };
}

it('is over at its time, on a busy machine too', () => {
  for (const lateMs of [0, 250]) {
    const { clock, told } = limited(500);
    clock.fires({ lateMs });
    expect([told, clock.dueInMs]).toEqual([[1_500 + lateMs], null]);
  }
});

it('counts once more from now when nobody was there at its time, and no third time', () => {
  const { clock, told } = limited(500);
  clock.fires({ lateMs: 3_000 });
  expect([told, clock.dueInMs]).toEqual([[], 500]);
  clock.fires({ lateMs: 3_000 });
  expect([told, clock.dueInMs]).toEqual([[8_000], null]);
});

it('taken back, it is never over, the second time neither', () => {
  const first = limited(500);
  first.timer.cancel();
  expect(first.clock.dueInMs).toBeNull();
  const second = limited(500);
  second.clock.fires({ lateMs: 3_000 });
  second.timer.cancel();
  expect([second.told, second.clock.dueInMs]).toEqual([[], null]);
});
