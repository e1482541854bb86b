#!/usr/bin/env node
// Writes a numbered line to stdout a hundred times a second.
import { writeSync } from 'node:fs';

let number = 0;
setInterval(() => {
  number += 1;
  writeSync(1, `line ${number}\n`);
}, 10);
