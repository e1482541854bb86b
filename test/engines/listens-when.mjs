#!/usr/bin/env node
// Waits until the file argv[3] is there, then says "model loaded", listens on port argv[2] and answers 200 to everything.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';

const [, , port = '0', file = ''] = process.argv;
const server = createServer((_, answer) => answer.end('{"status":"ok"}'));
const look = setInterval(() => {
  if (!existsSync(file)) return;
  clearInterval(look);
  console.log('model loaded');
  server.listen(Number(port), '127.0.0.1');
}, 10);
console.log('waiting');
