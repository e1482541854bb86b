import { expect, test } from 'vitest';
import { harmless } from '../../src/cli/harmless.ts';
import { table } from '../../src/cli/table.ts';
import { relative, span } from '../../src/cli/times.ts';

const COLUMNS = [
  { title: 'NAME', cell: (row: readonly string[]) => row[0] ?? '' },
  { title: 'N', cell: (row: readonly string[]) => row[1] ?? '', right: true },
  { title: 'MAYBE', cell: (row: readonly string[]) => row[2] ?? '', optional: true },
  { title: 'TEXT', cell: (row: readonly string[]) => row[3] ?? '', style: (text: string) => `<${text}>` },
];

test('columns line up; those that are empty throughout and may be are left out', () => {
  expect(
    table(
      COLUMNS,
      [
        ['a', '1', '', 'x'],
        ['long', '1000', '', ''],
      ],
      null,
    ),
  ).toEqual(['NAME     N  TEXT', 'a        1  <x>', 'long  1000  <->']);
  expect(
    table(
      COLUMNS,
      [
        ['a', '1', 'yes', 'x'],
        ['b', '2', '', 'y'],
      ],
      null,
    ),
  ).toEqual(['NAME  N  MAYBE  TEXT', 'a     1  yes    <x>', 'b     2  -      <y>']);
});

test('the last column is cut to the terminal, unless too little of it would be left', () => {
  const rows = [['a', '1', '', 'a sentence that goes on and on']];
  expect(table(COLUMNS, rows, 30)[1]).toBe('a     1  <a sentence that goes…>');
  expect(table(COLUMNS, rows, 15)[1]).toBe('a     1  <a sentence that goes on and on>');
});

test.each([
  [0, '0ms'],
  [999, '999ms'],
  [1_000, '1s'],
  [59_999, '59s'],
  [192_000, '3m12s'],
  [180_000, '3m'],
  [3_900_000, '1h5m'],
  [183_600_000, '2d3h'],
  [-5, '0ms'],
])('%i ms is %s', (spanMs, text) => {
  expect(span(spanMs)).toBe(text);
});

test('moments are relative, in both directions', () => {
  expect(relative('2026-11-03T08:00:00Z', Date.parse('2026-11-03T08:03:12Z'))).toBe('3m12s ago');
  expect(relative('2026-11-03T08:00:04Z', Date.parse('2026-11-03T08:00:00Z'))).toBe('in 4s');
  expect(relative(null, 0)).toBe('');
});

test('nothing that moves a cursor or turns text round gets through', () => {
  expect(harmless('a\tb \u001b[2J\r\n\u009b1m\u202e\u2028\ud800 ü 模型')).toBe(
    'a\tb \\x1b[2J\\x0d\\x0a\\x9b1m\\u{202e}\\u{2028}\\u{d800} ü 模型',
  );
});
