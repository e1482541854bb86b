#!/usr/bin/env node
// Says what it is told to NOTIFY_SOCKET, as sd_notify(3) does. argv: a file to wait for ('-' for none), then one datagram per word.
//   `@child:TEXT` is said by a child that ends once it was heard, `@flood:TEXT` for ever, `@barrier:TEXT` with a pipe whose end it then waits for.
// Prints what became of each; then it stays, and says READY=1 on SIGHUP.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, readSync } from 'node:fs';
import koffi from 'koffi';

const [, self, gate = '-', ...words] = process.argv;
const socketPath = process.env.NOTIFY_SOCKET ?? '';
const libc = koffi.load(null);
const socket = libc.func('int socket(int, int, int)');
const sendto = libc.func('long sendto(int, const void *, size_t, int, const void *, uint32_t)');
const pipe = libc.func('int pipe(int *)');
const vectorType = koffi.struct({ base: 'void *', bytes: 'size_t' });
const headerType = koffi.struct({
  ...{ name: 'void *', nameBytes: 'uint32_t', vectors: koffi.pointer(vectorType), vectorCount: 'size_t' },
  ...{ control: 'void *', controlBytes: 'size_t', flags: 'int' },
});
const sendmsg = libc.func('sendmsg', 'long', ['int', koffi.pointer(headerType), 'int']);
const fd = socket(1, 2 | 0o2000000, 0);
const address = Buffer.concat([Buffer.from([1, 0]), Buffer.from(socketPath), Buffer.alloc(1)]);

function say(text) {
  const message = Buffer.from(text);
  const sent = sendto(fd, message, message.length, 0, address, address.length);
  return sent === message.length ? 'sent' : `errno ${koffi.errno()}`;
}

function sayWithDescriptor(text, descriptor) {
  const message = Buffer.from(text);
  // SCM_RIGHTS with one descriptor, as it lies in memory on 64 bits.
  const control = Buffer.from(new Int32Array([20, 0, 1, 1, descriptor, 0]).buffer);
  const vector = { base: message, bytes: message.length };
  const header = { name: address, nameBytes: address.length, vectors: [vector], vectorCount: 1, control, controlBytes: 24, flags: 0 };
  return sendmsg(fd, header, 0) === message.length ? 'sent' : `errno ${koffi.errno()}`;
}

/** sd_notify_barrier(3): whoever reads it closes the descriptor, by then everything before it has been read. */
function barrier(text) {
  const ends = new Int32Array(2);
  pipe(ends);
  const sent = sayWithDescriptor(text, ends[1]);
  closeSync(ends[1]);
  readSync(ends[0], Buffer.alloc(1));
  closeSync(ends[0]);
  return sent;
}

function tell(word) {
  const [, way, text] = /^@(child|flood|barrier):(.*)$/s.exec(word) ?? [];
  if (way === 'barrier') return console.log(`barrier ${barrier(text)} and passed`);
  if (way === 'child') return console.log(`child ${spawnSync(process.execPath, [self, '@once', text]).stdout}`.trim());
  if (way === 'flood') for (;;) say(text);
  console.log(`${word.split('\n')[0]}: ${say(word)}`);
}

function begin() {
  if (gate !== '-' && !existsSync(gate)) return setTimeout(begin, 10);
  for (const word of words) tell(word);
  console.log('told');
}

if (gate === '@once') {
  const sent = say(words[0]);
  // Whose word it was can only be seen while it lives.
  barrier('BARRIER=1');
  console.log(sent);
} else {
  process.on('SIGHUP', () => console.log(`READY=1: ${say('READY=1')}`));
  process.on('SIGTERM', () => process.exit(0));
  setInterval(() => {}, 1_000);
  console.log('waiting');
  begin();
}
