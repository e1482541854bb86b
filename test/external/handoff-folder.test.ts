import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { lookInFolder, MAX_FILES } from '../../src/engine/external/handoff-folder.ts';
import { announce, handoffDirectory, OWNERS } from './files.ts';

const good = { pool: 'chat', url: 'http://127.0.0.1:8080' };

it('reads whatever is called *.json and is plainly named, nothing else', async () => {
  const directory = handoffDirectory();
  for (const name of ['vllm', 'A-1_2.b', 'x'.repeat(63)]) announce(directory, name, good);
  for (const name of ['.hidden', '-dash', 'with space', 'new\nline', 'x'.repeat(64), 'vllm.json', 'a\u001b[31m'])
    announce(directory, name, good);
  const { handoffs, problems, crowded } = await lookInFolder(directory, OWNERS);
  expect([...handoffs.keys()].toSorted()).toEqual(['A-1_2.b', 'vllm', 'vllm.json', 'x'.repeat(63)]);
  expect(handoffs.get('vllm')).toMatchObject(good);
  expect(problems.size).toBe(0);
  expect(crowded).toBe(false);
});

it('opens nothing that is no regular file', async () => {
  const directory = handoffDirectory();
  announce(directory, 'good', good);
  symlinkSync(join(directory, 'good.json'), join(directory, 'link.json'));
  symlinkSync('/nowhere', join(directory, 'dangling.json'));
  symlinkSync('/dev/zero', join(directory, 'device.json'));
  execFileSync('mkfifo', [join(directory, 'pipe.json')]);
  mkdirSync(join(directory, 'folder.json'));
  const server = createServer().listen(join(directory, 'socket.json'));
  onTestFinished(() => void server.close());
  const { handoffs, problems } = await lookInFolder(directory, OWNERS);
  expect([...handoffs.keys()]).toEqual(['good']);
  expect(Object.fromEntries(problems)).toEqual({
    link: 'it is a link',
    dangling: 'it is a link',
    device: 'it is a link',
    pipe: 'it is not a regular file',
    folder: 'it is not a regular file',
    socket: 'it is not a regular file',
  });
});

it('reads at most 64 KiB', async () => {
  const directory = handoffDirectory();
  const text = JSON.stringify(good);
  announce(directory, 'full', text.padEnd(64 * 1024));
  announce(directory, 'over', text.padEnd(64 * 1024 + 1));
  announce(directory, 'sparse', text);
  truncateSync(join(directory, 'sparse.json'), 2 ** 40);
  const { handoffs, problems } = await lookInFolder(directory, OWNERS);
  expect([...handoffs.keys()]).toEqual(['full']);
  expect(Object.fromEntries(problems)).toEqual({ over: 'it is larger than 64 KiB', sparse: 'it is larger than 64 KiB' });
});

it('counts only files of those who may, and that nobody else may write', async () => {
  const directory = handoffDirectory();
  announce(directory, 'mine', good);
  announce(directory, 'open', good);
  chmodSync(join(directory, 'open.json'), 0o666);
  linkSync(join(directory, 'open.json'), join(directory, 'again.json'));
  const { handoffs, problems } = await lookInFolder(directory, OWNERS);
  expect([...handoffs.keys()]).toEqual(['mine']);
  expect([...problems]).toEqual([
    ['again', 'everybody may write to it (chmod o-w)'],
    ['open', 'everybody may write to it (chmod o-w)'],
  ]);
  const strict = await lookInFolder(directory, new Set([4_000_000_000]));
  expect(strict.handoffs.size).toBe(0);
  expect(strict.problems.get('mine')).toMatch(
    /^it belongs to uid \d+, which is neither the daemon's, root's nor one of handoff\.allowUsers$/,
  );
});

it('tells a file that makes no sense from one that does', async () => {
  const directory = handoffDirectory();
  writeFileSync(join(directory, 'half.json'), '{"pool":"chat","url":"http://127.');
  writeFileSync(join(directory, 'empty.json'), '');
  announce(directory, 'whole', good);
  const { handoffs, problems } = await lookInFolder(directory, OWNERS);
  expect([...handoffs.keys()]).toEqual(['whole']);
  expect(Object.fromEntries(problems)).toEqual({ half: 'it is not JSON', empty: 'it is not JSON' });
});

it('reads no more files than it says', async () => {
  const directory = handoffDirectory();
  for (let number = 0; number <= MAX_FILES; number += 1) announce(directory, `engine-${String(number).padStart(4, '0')}`, good);
  const { handoffs, crowded } = await lookInFolder(directory, OWNERS);
  expect(handoffs.size).toBe(MAX_FILES);
  expect(handoffs.has('engine-0000')).toBe(true);
  expect(crowded).toBe(true);
});

it('throws where there is no directory', async () => {
  await expect(lookInFolder('/nowhere/at/all', OWNERS)).rejects.toMatchObject({ code: 'ENOENT' });
});
