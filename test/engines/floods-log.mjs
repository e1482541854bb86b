#!/usr/bin/env node
// Writes argv[2] numbered lines of argv[3] bytes as fast as it can, then stays (or ends with code argv[4]).
import { writeSync } from 'node:fs';

const [, , lines = '1000', bytes = '100', code] = process.argv;
for (let line = 1; line <= Number(lines); line += 1) {
  const text = Buffer.from(`line ${line} `.padEnd(Number(bytes) - 1, 'x').concat('\n'));
  for (let at = 0; at < text.length; ) at += writeSync(1, text, at);
}
if (code !== undefined) process.exit(Number(code));
setInterval(() => {}, 1000);
