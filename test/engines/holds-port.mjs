#!/usr/bin/env node
// Listens on port argv[2] (0: any) of argv[3] and answers nothing.
import { createServer } from 'node:net';

const [, , port = '0', host = '127.0.0.1'] = process.argv;
const server = createServer(() => {});
server.listen(Number(port), host, () => console.log(`listening ${server.address().port}`));
