import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  exactBytes,
  formatBytes,
  formatDuration,
  MAX_DURATION_MS,
  MAX_SIZE_BYTES,
  parseDuration,
  parseSize,
} from '../../src/config/quantity.ts';

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['0s', 0],
    ['0ms', 0],
    ['10s', 10_000],
    ['1.5s', 1_500],
    ['0.1s', 100],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['8760h', MAX_DURATION_MS],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    '',
    '10',
    's',
    '-1s',
    '+1s',
    '1 s',
    '1S',
    '1d',
    '1h30m',
    '.5s',
    '1.s',
    '0.1ms',
    '1e3s',
    '8761h',
    ' 1s',
    '1s\n',
    '1٣s',
    'Infinitys',
    '999999999999999h',
  ])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeNull();
  });

  it.each([
    [0, '0s'],
    [-5, '0s'],
    [1, '1ms'],
    [999.6, '1s'],
    [1_500, '1.5s'],
    [83_421, '83.421s'],
    [90_000, '90s'],
    [120_000, '2m'],
    [3_600_000, '1h'],
    [Number.POSITIVE_INFINITY, 'unlimited'],
  ])('spells %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('reads back what it spelled', () => {
    fc.assert(fc.property(fc.nat(MAX_DURATION_MS), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe('sizes', () => {
  it.each([
    ['0B', 0],
    ['512B', 512],
    ['64KiB', 65_536],
    ['64MiB', 67_108_864],
    ['1.5GiB', 1_610_612_736],
  ])('reads %s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(['', '64', '64MB', '64mib', '64 MiB', '-1B', '0.5B', '0.3KiB', '2000000GiB'])('refuses %j', (text) => {
    expect(parseSize(text)).toBeNull();
  });

  it.each([
    [0, '0B', '0B'],
    [1_000_000, '976.6KiB', '1000000B'],
    [67_108_864, '64MiB', '64MiB'],
    [1_610_612_736, '1.5GiB', '1536MiB'],
  ])('spells %d for people as %s and exactly as %s', (bytes, rounded, exact) => {
    expect([formatBytes(bytes), exactBytes(bytes)]).toEqual([rounded, exact]);
  });

  it('reads back what it spelled exactly', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => bytes > MAX_SIZE_BYTES || parseSize(exactBytes(bytes)) === bytes));
  });
});
