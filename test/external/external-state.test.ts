import { expect, it } from 'vitest';
import { answered, NOT_ASKED } from '../../src/engine/external/external-state.ts';

const thresholds = { successThreshold: 2, failureThreshold: 3 };

/** What each answer leaves: `+` ready, `-` not, behind it `!` where it turned. */
function told(answersGiven: string): string {
  let now = NOT_ASKED;
  return [...answersGiven]
    .map((one) => {
      const { answers, turned } = answered(now, { ok: one === '1', message: one }, thresholds);
      now = answers;
      return `${answers.ready === true ? '+' : '-'}${turned ? '!' : ''}`;
    })
    .join('');
}

it('the first answer decides, then it takes as many in a row as the thresholds say', () => {
  expect(told('1')).toBe('+!');
  expect(told('0')).toBe('-!');
  expect(told('100100010110')).toBe('+!+++++-!---+!+');
  expect(told('0101011')).toBe('-!-----+!');
});

it('the last message is kept, whatever it comes to', () => {
  expect(answered(NOT_ASKED, { ok: true, message: 'fine' }, thresholds).answers.message).toBe('fine');
  const ready = { ready: true, row: 0, message: 'fine' };
  expect(answered(ready, { ok: false, message: 'slow' }, thresholds)).toEqual({
    answers: { ready: true, row: 1, message: 'slow' },
    turned: false,
  });
});
