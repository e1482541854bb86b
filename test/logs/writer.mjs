/** Writes numbered lines to its stdout as fast as it can until the file STOP is there: `node writer.mjs STOP`. Its last line is `end N`. */
import { existsSync, writeSync } from 'node:fs';

const [stop] = process.argv.slice(2);
let number = 0;

function put(text) {
  for (let bytes = Buffer.from(text); bytes.length > 0; ) bytes = bytes.subarray(writeSync(1, bytes));
}

while (!existsSync(stop)) {
  let text = '';
  for (let count = 0; count < 50; count += 1) {
    number += 1;
    text += `line ${number} ${'x'.repeat(number % 97)}\n`;
  }
  put(text);
}
put(`end ${number}\n`);
