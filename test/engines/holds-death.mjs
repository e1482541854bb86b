#!/usr/bin/env node
// No engine, but what makes one unkillable: as the tracer of process argv[2] it holds that up on its way out, SIGKILL or not, until it ends itself.
import koffi from 'koffi';

const PTRACE_SEIZE = 0x4206;
const PTRACE_O_TRACEEXIT = 0x40;
const ptrace = koffi.load(null).func('long ptrace(long, int, intptr_t, intptr_t)');
const failed = ptrace(PTRACE_SEIZE, Number(process.argv[2]), 0, PTRACE_O_TRACEEXIT) !== 0;
console.log(failed ? `errno ${koffi.errno()}` : 'held');
process.stdin.on('end', () => process.exit(0)).resume();
