#!/usr/bin/env node
/**
 * The engine of config/demo.yaml: a small real HTTP server that takes its time to load, as a model does.
 *
 *   node demo-engine.js --port 8080 [--host 127.0.0.1] [--load-ms 1000] [--name demo]
 *
 * GET /health: 503 while loading, then 200 · GET /work?ms=500: answers after that long · GET /crash: exits with code 1 · SIGTERM: takes
 * nothing new, finishes what is under way, exits with 0. Runs on Node 18 and newer, as an ES module or not, wherever it is copied to:
 * hence the import() in place of an import.
 */
const MAX_WORK_MS = 600_000;

main(process.argv.slice(2)).catch((error) => {
  process.stderr.write(`demo-engine: ${error.message}\n`);
  process.exitCode = 1;
});

async function main(words) {
  const { createServer } = await import('node:http');
  const options = read(words);
  const state = { loaded: false, stopping: false, served: 0 };
  const server = createServer((request, response) => answer(state, request, response));
  server.on('error', (error) => {
    say(`cannot listen on ${options.host}:${options.port}: ${error.message}`);
    process.exitCode = 1;
  });
  server.listen(options.port, options.host, () => {
    say(`${options.name}: listening on http://${options.host}:${server.address().port}, loading for ${options.loadMs} ms`);
    setTimeout(() => {
      state.loaded = true;
      say(`${options.name}: loaded`);
    }, options.loadMs).unref();
  });
  const stop = () => {
    if (state.stopping) return;
    state.stopping = true;
    say(`${options.name}: stopping after ${state.served} answers`);
    server.close(() => process.exit(0));
    server.closeIdleConnections?.();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function read(words) {
  const options = { port: 0, host: '127.0.0.1', loadMs: 1_000, name: 'demo' };
  for (let index = 0; index < words.length; index += 2) {
    const [flag, value] = [words[index], words[index + 1]];
    if (flag === '--host') options.host = text(flag, value);
    else if (flag === '--name') options.name = text(flag, value);
    else if (flag === '--port') options.port = whole(flag, value, 65_535);
    else if (flag === '--load-ms') options.loadMs = whole(flag, value, MAX_WORK_MS);
    else throw new Error(`cannot use ${flag}: only --port, --host, --load-ms and --name are known`);
  }
  return options;
}

function text(flag, value) {
  if (!value) throw new Error(`cannot use ${flag} without a value`);
  return value;
}

function whole(flag, value, most) {
  const number = Number(value);
  if (!/^\d+$/.test(value ?? '') || number > most) throw new Error(`cannot use ${flag} ${value}: a whole number up to ${most} is needed`);
  return number;
}

function answer(state, request, response) {
  // A kept connection would hold the exit up.
  if (state.stopping) response.setHeader('connection', 'close');
  const url = new URL(request.url ?? '/', 'http://engine');
  if (url.pathname === '/health') return reply(response, state.loaded ? 200 : 503, { status: state.loaded ? 'ok' : 'loading' });
  if (url.pathname === '/crash') {
    say('crashing, as asked');
    process.exit(1);
  }
  if (url.pathname !== '/work') return reply(response, 404, { error: 'only /health, /work?ms= and /crash are here' });
  if (!state.loaded) return reply(response, 503, { error: 'loading' });
  const ms = Math.min(MAX_WORK_MS, Math.max(0, Number(url.searchParams.get('ms') ?? 100) || 0));
  setTimeout(() => {
    state.served += 1;
    if (state.stopping) response.setHeader('connection', 'close');
    reply(response, 200, { worked: ms, served: state.served, pid: process.pid });
  }, ms);
}

function reply(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

function say(line) {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`);
}
