#!/usr/bin/env node
// Like llama-server: nothing listens at first, then /health answers 503 while it loads, then 200. argv: port, ms until it listens, ms of loading.
import { createServer } from 'node:http';

const [, , port = '0', silentMs = '0', loadingMs = '200'] = process.argv;
let loaded = false;
const server = createServer((_, answer) => {
  answer.writeHead(loaded ? 200 : 503, { 'content-type': 'application/json' });
  answer.end(loaded ? '{"status":"ok"}' : '{"error":{"message":"Loading model"}}');
});
console.log('loading');
setTimeout(() => {
  server.listen(Number(port), '127.0.0.1', () => {
    console.log(`listening ${server.address().port}`);
    setTimeout(() => {
      loaded = true;
      console.log('ready');
    }, Number(loadingMs));
  });
}, Number(silentMs));
