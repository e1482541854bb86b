import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const ENGINE = fileURLToPath(new URL('../../config/demo-engine.js', import.meta.url));
const running: ChildProcess[] = [];

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

/** The engine on a port of the kernel's choice, and its lines as they come. */
async function start(loadMs: number, program = ENGINE) {
  const child = spawn(process.execPath, [program, '--port', '0', '--load-ms', String(loadMs)], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.push(child);
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => String((await lines.next()).value);
  const port = Number(/:(\d+), loading/.exec(await line())?.[1]);
  return { child, exited, line, port, url: `http://127.0.0.1:${port}` };
}

describe('the demo engine', () => {
  it('answers 503 while it loads', async () => {
    const { url } = await start(600_000);
    expect((await fetch(`${url}/health`)).status).toBe(503);
    expect((await fetch(`${url}/work?ms=0`)).status).toBe(503);
  });

  it('answers 200 once it has loaded, and works', async () => {
    const { url, line } = await start(0);
    expect(await line()).toMatch(/loaded$/);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect(await (await fetch(`${url}/work?ms=1`)).json()).toMatchObject({ worked: 1, served: 1 });
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
  });

  it('finishes what is under way after SIGTERM, then exits with 0', async () => {
    const { child, exited, line, port } = await start(0);
    await line();
    const socket = connect(port, '127.0.0.1');
    // Both requests come in one piece: the answer to the first proves that the second was taken.
    socket.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /work?ms=300 HTTP/1.1\r\nHost: a\r\n\r\n');
    const chunks = [String((await once(socket, 'data'))[0])];
    socket.on('data', (chunk) => chunks.push(String(chunk)));
    child.kill('SIGTERM');
    expect(await line()).toMatch(/stopping after 0 answers/);
    expect(await exited).toEqual([0, null]);
    expect(chunks.join('')).toContain('"worked":300');
  });

  it('exits with 1 for /crash and for a bad flag', async () => {
    const { exited, url } = await start(0);
    await expect(fetch(`${url}/crash`)).rejects.toThrow();
    expect(await exited).toEqual([1, null]);
    expect(() => execFileSync(process.execPath, [ENGINE, '--prot', '1'], { stdio: 'pipe' })).toThrow(/cannot use --prot/);
  });

  it('runs where no package.json calls it a module', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'poold-demo-'));
    try {
      copyFileSync(ENGINE, join(directory, 'demo-engine.js'));
      const { url } = await start(600_000, join(directory, 'demo-engine.js'));
      expect((await fetch(`${url}/health`)).status).toBe(503);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
