#!/usr/bin/env node
// `floods.mjs BYTES GO DONE`: once the file GO is there, writes so many bytes of numbered lines of 128 bytes as fast as stdout takes them; then
// says in DONE how many milliseconds that took, and stays.
import { existsSync, writeFileSync, writeSync } from 'node:fs';

const LINE_BYTES = 128;
const LINES = 8192;
const DIGITS = 10;

const [, , bytes = '0', go = '', done = ''] = process.argv;
const block = Buffer.from(
  `${'0'.repeat(DIGITS)} `
    .padEnd(LINE_BYTES - 1, 'x')
    .concat('\n')
    .repeat(LINES),
);
let number = 0;

while (!existsSync(go)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
const fromMs = performance.now();
for (let left = Number(bytes); left > 0; left -= block.length) {
  for (let line = 0; line < LINES; line += 1) renumber(line * LINE_BYTES);
  const part = block.subarray(0, Math.min(left, block.length));
  for (let at = 0; at < part.length; ) at += writeSync(1, part, at);
}
writeFileSync(done, String(performance.now() - fromMs), { flag: 'wx' });
setInterval(() => {}, 60_000);

function renumber(at) {
  number += 1;
  for (let digit = DIGITS - 1, rest = number; digit >= 0; digit -= 1, rest = Math.trunc(rest / 10)) block[at + digit] = 48 + (rest % 10);
}
