import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createToken, readTokens, Tokens } from '../../src/api/tokens.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'poold-tokens-'));
  file = join(directory, 'tokens');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const make = (id: string, role = 'operate', expiresMs: number | null = null) => createToken({ file, id, role, expiresMs });

test('a token is shown once: the file has its hash, its name and its role, and nobody else may read it', () => {
  const token = make('ci');
  expect(token).toMatch(/^poold_[\w-]{43}$/);
  const text = readFileSync(file, 'utf8');
  expect(text).not.toContain(token.slice(6));
  expect(text).toMatch(/^ci operate sha256:[0-9a-f]{64}\n$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(make('ci2')).not.toBe(token);
});

test('a token is found with its role until it expires', () => {
  const token = make('ci', 'read', 5_000);
  const tokens = new Tokens(file, () => {});
  expect(tokens.find(token, 4_999)).toMatchObject({ id: 'ci', role: 'read', expiresMs: 5_000 });
  expect(tokens.find(token, 5_000)).toBeNull();
  expect(tokens.find(`${token}x`, 0)).toBeNull();
  expect(tokens.find('', 0)).toBeNull();
});

test('a change of the file counts with the next request: added, taken out, broken, mended', () => {
  const first = make('first');
  const complaints: string[] = [];
  const tokens = new Tokens(file, (message) => complaints.push(message));
  const second = make('second');
  expect(tokens.find(second, 0)?.id).toBe('second');
  const text = readFileSync(file, 'utf8');
  const replace = (content: string): void => {
    writeFileSync(`${file}.new`, content, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  replace(text.split('\n').slice(1).join('\n'));
  expect(tokens.find(first, 0)).toBeNull();
  replace(`${text}nonsense\n`);
  expect(tokens.find(second, 0)).toBeNull();
  expect(tokens.find(second, 0)).toBeNull();
  expect(complaints).toHaveLength(1);
  expect(complaints[0]).toContain(`${file}:3`);
  replace(text);
  expect(tokens.find(first, 0)?.id).toBe('first');
  rmSync(file);
  expect(tokens.find(first, 0)).toBeNull();
  expect(complaints).toHaveLength(2);
});

test('comments, blank lines and a missing last newline do no harm', () => {
  writeFileSync(file, '# who may do what\n\n', { mode: 0o600 });
  const one = make('one');
  appendFileSync(file, '  # more', { mode: 0o600 });
  const two = make('two');
  const tokens = new Tokens(file, () => {});
  expect([tokens.find(one, 0)?.id, tokens.find(two, 0)?.id]).toEqual(['one', 'two']);
});

test.each([
  [
    'a file that others can read',
    () => {
      make('ci');
      chmodSync(file, 0o640);
    },
    'chmod 600',
  ],
  ['a file that is not there', () => {}, 'poold token new'],
  [
    'a link',
    () => {
      writeFileSync(`${file}.real`, '', { mode: 0o600 });
      symlinkSync(`${file}.real`, file);
    },
    'ELOOP',
  ],
  ['a wrong role', () => writeFileSync(file, `ci root sha256:${'0'.repeat(64)}\n`, { mode: 0o600 }), `tokens:1: a line is`],
  ['a short hash', () => writeFileSync(file, 'ci read sha256:00\n', { mode: 0o600 }), `tokens:1: a line is`],
  ['a file without end', () => writeFileSync(file, '#'.repeat(300_000), { mode: 0o600 }), 'larger than'],
])('%s is refused', (_name, prepare, says) => {
  prepare();
  expect(() => readTokens(file)).toThrow(says);
  expect(() => new Tokens(file, () => {})).toThrow(says);
});

test('a doubled name, an unknown role and a bad name make nothing', () => {
  make('ci');
  const text = readFileSync(file, 'utf8');
  expect(() => make('ci')).toThrow('has one with id ci');
  expect(() => make('new', 'root')).toThrow('there are read, lease, operate, admin');
  expect(() => make('a b')).toThrow('its id is');
  expect(readFileSync(file, 'utf8')).toBe(text);
  expect(existsSync(`${file}.new`)).toBe(false);
});
