#!/usr/bin/env node
// A small HTTP engine whose faults are switched over HTTP: GET /switch?status=503&mode=hang&busy=1&work=7&exit=3
//   status  of /health                          mode  ok | hang (never answers) | drip (body byte by byte, no end) | huge (endless body)
//   busy, work  the gauge and counter of /metrics     | redirect | close (hangs up)
//   exit    ends with that code; `abort` by SIGABRT
import { createServer } from 'node:http';

const [, , port = '0', host = '127.0.0.1'] = process.argv;
const is = { status: 200, mode: 'ok', busy: 0, work: 0 };

const modes = {
  ok: (answer) => answer.writeHead(is.status, { 'content-type': 'application/json' }).end(`{"status":"${is.status}"}`),
  hang: () => {},
  drip: (answer) => {
    answer.writeHead(200);
    const drop = setInterval(() => answer.write('.'), 50);
    answer.on('close', () => clearInterval(drop));
  },
  huge: (answer) => {
    answer.writeHead(200);
    const pour = () => {
      while (!answer.destroyed && answer.write('x'.repeat(65_536)));
    };
    answer.on('drain', pour);
    pour();
  },
  redirect: (answer) => answer.writeHead(302, { location: 'http://127.0.0.1:1/elsewhere' }).end(),
  close: (answer) => answer.destroy(),
};

function flip(query) {
  for (const [name, value] of query) {
    if (name === 'exit') value === 'abort' ? process.abort() : process.exit(Number(value));
    is[name] = name === 'mode' ? value : Number(value);
  }
}

const server = createServer((question, answer) => {
  const { pathname, searchParams } = new URL(question.url, 'http://engine');
  if (pathname === '/health') return modes[is.mode](answer);
  if (pathname === '/switch') flip(searchParams);
  if (pathname === '/metrics') return answer.end(`demo:requests_processing ${is.busy}\ndemo:work_total ${is.work}\n`);
  if (pathname === '/pid') return answer.end(String(process.pid));
  return answer.end(JSON.stringify(is));
});
server.listen(Number(port), host, () => console.log(`listening ${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
